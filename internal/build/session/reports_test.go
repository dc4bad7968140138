package session

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/moby/buildkit/session"
	"github.com/tonistiigi/fsutil"
	"golang.org/x/sys/unix"
)

const testReports = ReportsDir + "/test"

// send has a project keep what a folder has in it, over a real session, and calls on whenever one of its files is read.
func send(t *testing.T, project, folder string, on func(user *Session)) error {
	t.Helper()
	manager, err := session.NewManager()
	if err != nil {
		t.Fatal(err)
	}
	dial := func(ctx context.Context, _ string, meta map[string][]string) (net.Conn, error) {
		near, far := net.Pipe()
		go manager.HandleConn(context.WithoutCancel(ctx), far, meta)
		return near, nil
	}
	user, err := Serve(t.Context(), dial, Sources{Project: project, Reports: map[string]string{"stage:test": testReports}})
	if err != nil {
		t.Fatal(err)
	}
	defer user.Close()
	caller, err := manager.Get(t.Context(), user.ID(), false)
	if err != nil {
		t.Fatal(err)
	}
	files, err := fsutil.NewFS(folder)
	if err != nil {
		t.Fatal(err)
	}
	return SendReports(t.Context(), caller, "stage:test", watched{files, func() { on(user) }})
}

type watched struct {
	fsutil.FS
	opened func()
}

func (w watched) Open(name string) (io.ReadCloser, error) {
	w.opened()
	return w.FS.Open(name)
}

// filled is a folder with many files that all have the same in them.
func filled(t *testing.T, content string, files int) string {
	t.Helper()
	dir := t.TempDir()
	for i := range files {
		if err := os.WriteFile(filepath.Join(dir, fmt.Sprint(i)), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// contents counts the files in a project's folder of reports, by what they have in them.
func contents(t *testing.T, project string) map[string]int {
	t.Helper()
	found := map[string]int{}
	all, err := filepath.Glob(filepath.Join(project, testReports, "*"))
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range all {
		content, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		found[string(content)]++
	}
	return found
}

// foldersOf are the names of those in the folder of all reports.
func foldersOf(t *testing.T, project string) (names []string) {
	t.Helper()
	entries, err := os.ReadDir(filepath.Join(project, ReportsDir))
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}

func TestReportsThatStopHalfwayChangeNothing(t *testing.T) {
	project := t.TempDir()
	if err := send(t, project, filled(t, "before", 900), func(*Session) {}); err != nil {
		t.Fatal(err)
	}
	opened := 0
	var mu sync.Mutex
	err := send(t, project, filled(t, "after", 900), func(user *Session) {
		mu.Lock()
		defer mu.Unlock()
		if opened++; opened == 400 {
			user.Close()
		}
	})
	if err == nil {
		t.Fatal("all reports came through a session that is over")
	}
	if diff := cmp.Diff(map[string]int{"before": 900}, contents(t, project)); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]string{"test"}, foldersOf(t, project)); diff != "" {
		t.Error(diff)
	}
}

func TestReportsOfTwoBuildsAtOnceDoNotMix(t *testing.T) {
	project := t.TempDir()
	var all sync.WaitGroup
	for _, content := range []string{"one", "two", "three"} {
		folder := filled(t, content, 300)
		all.Go(func() {
			for range 5 {
				if err := send(t, project, folder, func(*Session) {}); err != nil {
					t.Error(err)
				}
			}
		})
	}
	all.Wait()
	got := contents(t, project)
	if len(got) != 1 {
		t.Errorf("kept %v", got)
	}
	for content, files := range got {
		if files != 300 {
			t.Errorf("%d of 300 files of %s", files, content)
		}
	}
	if diff := cmp.Diff([]string{"test"}, foldersOf(t, project)); diff != "" {
		t.Error(diff)
	}
}

func TestDraftsOfWhoWasKilledAreRemoved(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{draftPrefix + "KILLED/content/a", draftPrefix + "WRITING/content/a", ".mine/a"} {
		if err := os.MkdirAll(filepath.Join(dir, ReportsDir, name), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	writing, err := os.Open(filepath.Join(dir, ReportsDir, draftPrefix+"WRITING"))
	if err != nil {
		t.Fatal(err)
	}
	defer writing.Close()
	if err := unix.Flock(int(writing.Fd()), unix.LOCK_EX); err != nil {
		t.Fatal(err)
	}
	if err := send(t, dir, filled(t, "x", 1), func(*Session) {}); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{".mine", draftPrefix + "WRITING", "test"}, foldersOf(t, dir)); diff != "" {
		t.Error(diff)
	}
}

func TestReportsThatNobodyKeepsAreAnError(t *testing.T) {
	project := t.TempDir()
	if err := os.MkdirAll(filepath.Join(project, ReportsDir), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(project, testReports), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	err := send(t, project, filled(t, "x", 1), func(*Session) {})
	if err == nil || !strings.Contains(err.Error(), testReports+" is no folder: remove it") {
		t.Error(errors.Join(errors.New("want that it is no folder"), err))
	}
}
