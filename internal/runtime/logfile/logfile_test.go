package logfile_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"golang.org/x/sys/unix"

	"github.com/seaworthyhq/seaworthy/internal/redact"
	"github.com/seaworthyhq/seaworthy/internal/runtime/logfile"
)

func writer(t *testing.T, dir string, maxSize int64) *logfile.Writer {
	t.Helper()
	w := &logfile.Writer{Dir: dir, MaxSize: maxSize, Keep: 3}
	if err := w.Open(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = w.Close() })
	return w
}

func write(t *testing.T, w *logfile.Writer, text string) {
	t.Helper()
	if err := w.Copy("stdout", strings.NewReader(text)); err != nil {
		t.Fatal(err)
	}
}

func read(t *testing.T, dir string, opts logfile.Options) []string {
	t.Helper()
	var lines []string
	for line, err := range logfile.Read(t.Context(), dir, opts) {
		if err != nil {
			t.Fatal(err)
		}
		lines = append(lines, line.Line)
	}
	return lines
}

func TestLinesComeBackAsWritten(t *testing.T) {
	dir := t.TempDir()
	write(t, writer(t, dir, 1<<20), "one\r\n\n\"three\" \xff\nno line end")
	want := []string{"one", "", "\"three\" \ufffd", "no line end"}
	if diff := cmp.Diff(want, read(t, dir, logfile.Options{})); diff != "" {
		t.Error(diff)
	}
}

func TestLongLineIsSplitAndSaysSo(t *testing.T) {
	dir := t.TempDir()
	write(t, writer(t, dir, 1<<20), strings.Repeat("x", logfile.MaxLine+5)+"\nnext\n")
	var partial []bool
	var length []int
	for line, err := range logfile.Read(t.Context(), dir, logfile.Options{}) {
		if err != nil {
			t.Fatal(err)
		}
		partial, length = append(partial, line.Partial), append(length, len(line.Line))
	}
	if diff := cmp.Diff([]bool{true, false, false}, partial); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]int{logfile.MaxLine, 5, 4}, length); diff != "" {
		t.Error(diff)
	}
}

func TestSecretAcrossTheEndOfAPartIsBlanked(t *testing.T) {
	const secret = "SECRETVALONE12345"
	long := strings.Repeat("0123456789", logfile.MaxLine/8) // longer than a part
	for _, before := range []int{0, logfile.MaxLine - len(secret), logfile.MaxLine - 9, 2*logfile.MaxLine - 1, 4*logfile.MaxLine - 16} {
		for _, value := range []string{secret, long} {
			dir := t.TempDir()
			w := &logfile.Writer{Dir: dir, MaxSize: 1 << 20, Keep: 3, Redact: redact.New([]byte(value))}
			if err := w.Open(); err != nil {
				t.Fatal(err)
			}
			text := strings.Repeat("x", before) + "%s" + strings.Repeat("y", 20000)
			write(t, w, fmt.Sprintf(text, value)+"\nnext\n")
			if err := w.Close(); err != nil {
				t.Fatal(err)
			}
			got := strings.Join(read(t, dir, logfile.Options{}), "")
			if diff := cmp.Diff(fmt.Sprintf(text, redact.Blank)+"next", got); diff != "" {
				t.Errorf("%d bytes behind %d: -want +got\n%s", len(value), before, diff)
			}
		}
	}
}

func TestRotationKeepsTheLastFiles(t *testing.T) {
	dir := t.TempDir()
	w := writer(t, dir, 2000)
	for i := range 1000 {
		write(t, w, fmt.Sprintf("line %d\n", i))
	}
	files, err := filepath.Glob(filepath.Join(dir, "*.json"))
	if err != nil || len(files) != 3 {
		t.Errorf("files are %s, %v", files, err)
	}
	for _, f := range files {
		if info, err := os.Stat(f); err != nil || info.Size() > 2000 {
			t.Errorf("%s: %d bytes, %v", f, info.Size(), err)
		}
	}
	lines := read(t, dir, logfile.Options{})
	for i, line := range lines {
		if want := fmt.Sprintf("line %d", 1000-len(lines)+i); line != want {
			t.Fatalf("%d is %q, want %q", i, line, want)
		}
	}
	if diff := cmp.Diff([]string{"line 998", "line 999"}, read(t, dir, logfile.Options{Tail: 2})); diff != "" {
		t.Error(diff)
	}
}

func TestTwoWritersRotateOnce(t *testing.T) {
	dir := t.TempDir()
	ending, starting := writer(t, dir, 2000), writer(t, dir, 2000) // of a replica that is started again
	var want []string
	for i := range 60 {
		write(t, ending, fmt.Sprintf("old %d\n", i))
		write(t, starting, fmt.Sprintf("new %d\n", i))
		want = append(want, fmt.Sprintf("old %d", i), fmt.Sprintf("new %d", i))
	}
	got := read(t, dir, logfile.Options{})
	if diff := cmp.Diff(want, got, cmpopts.SortSlices(strings.Compare)); diff != "" { // nothing is rotated away
		t.Error(diff)
	}
}

func TestSinceLeavesOutWhatIsOlder(t *testing.T) {
	dir := t.TempDir()
	w := writer(t, dir, 1<<20)
	write(t, w, "old\n")
	since := time.Now()
	write(t, w, "new\n")
	if diff := cmp.Diff([]string{"new"}, read(t, dir, logfile.Options{Since: since})); diff != "" {
		t.Error(diff)
	}
}

func TestFollowingGoesOnAcrossRotations(t *testing.T) {
	dir := t.TempDir()
	w := writer(t, dir, 4000)
	write(t, w, "line 0\n")
	var ended atomic.Bool
	seen := make(chan struct{}, 1)
	done := make(chan []string)
	go func() {
		var lines []string
		for line, err := range logfile.Read(t.Context(), dir, logfile.Options{Follow: true, Ended: ended.Load}) {
			if err != nil {
				t.Error(err)
			}
			lines = append(lines, line.Line)
			select {
			case seen <- struct{}{}:
			default:
			}
		}
		done <- lines
	}()
	for i := 1; i < 200; i++ {
		if i%20 == 0 { // a reader that keeps up misses nothing
			<-seen
		}
		write(t, w, fmt.Sprintf("line %d\n", i))
	}
	ended.Store(true)
	lines := <-done
	if last := lines[len(lines)-1]; last != "line 199" {
		t.Errorf("last line is %q", last)
	}
}

func TestFollowingEndsWithItsContext(t *testing.T) {
	dir := t.TempDir()
	write(t, writer(t, dir, 4000), "line\n")
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	for _, err := range logfile.Read(ctx, dir, logfile.Options{Follow: true}) {
		if err != nil {
			return
		}
		cancel()
	}
	t.Error("it ended without saying why")
}

func TestAFullDiskHoldsNobodyUp(t *testing.T) {
	dir := t.TempDir()
	if err := unix.Mount("tmpfs", dir, "tmpfs", 0, "size=64k"); err != nil {
		t.Skipf("mount a small file system: %v", err)
	}
	t.Cleanup(func() {
		if err := unix.Unmount(dir, unix.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
	w := writer(t, filepath.Join(dir, "log"), 1<<20)
	write(t, w, "before\n")
	filler := filepath.Join(dir, "filler")
	if err := os.WriteFile(filler, make([]byte, 1<<20), 0o600); err == nil {
		t.Fatal("the disk is not full")
	}
	write(t, w, strings.Repeat(strings.Repeat("x", 1000)+"\n", 50))
	if err := os.Remove(filler); err != nil {
		t.Fatal(err)
	}
	write(t, w, "after\n")
	got := read(t, filepath.Join(dir, "log"), logfile.Options{})
	if len(got) < 3 || got[0] != "before" || got[len(got)-1] != "after" || !strings.Contains(got[len(got)-2], "lines could not be written") {
		t.Errorf("the log has %d lines: %.200q", len(got), got)
	}
}
