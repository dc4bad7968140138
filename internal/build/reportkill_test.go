package build_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/moby/sys/mountinfo"

	"github.com/seaworthyhq/seaworthy/internal/build"
	"github.com/seaworthyhq/seaworthy/internal/store"
	"github.com/seaworthyhq/seaworthy/internal/store/storetest"
)

// TestReportingChild is not a test: it is the engine that TestEngineKilledWhileItKeepsReports kills.
func TestReportingChild(t *testing.T) {
	root := os.Getenv(childRoot)
	if root == "" {
		t.Skip("runs as a child only")
	}
	s, err := store.Open(t.Context(), store.Config{Root: root})
	if err != nil {
		t.Fatal(err)
	}
	storetest.Busybox(t, s, storetest.Image{Ref: "docker.io/library/busybox:latest"})
	y := &yard{store: s, Builder: openBuilder(t, build.Config{Root: filepath.Join(root, "build"), Store: s})}
	dir := filepath.Join(root, "project")
	write(t, filepath.Join(dir, "Dockerfile"), "FROM busybox AS test\nRUN mkdir /reports && dd if=/dev/zero of=/reports/large bs=1M seek=200 count=1; false\n")
	_, err = y.Build(t.Context(), y.checking(t, dir, map[string][]string{"test": {"/reports"}}, "test"), nil)
	t.Fatalf("the build ended: %v", err)
}

func TestEngineKilledWhileItKeepsReports(t *testing.T) {
	root, tmp := t.TempDir(), t.TempDir()
	child := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestReportingChild$")
	child.Env = append(os.Environ(), childRoot+"="+root, "TMPDIR="+tmp) // it cannot remove what it makes
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	place := ""
	mounted := func() bool {
		found, err := mountinfo.GetMounts(mountinfo.PrefixFilter(tmp))
		for _, m := range found {
			if strings.HasPrefix(filepath.Base(m.Mountpoint), "buildkit-mount") {
				place = filepath.Dir(m.Mountpoint)
				return true
			}
		}
		return err != nil
	}
	eventually(t, "what the check left is mounted", mounted)
	if err := child.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = child.Wait() // killed, as meant
	if !mounted() {
		t.Fatal("nothing was left mounted: the test proves nothing")
	}

	t.Setenv("TMPDIR", place)
	s, err := store.Open(t.Context(), store.Config{Root: root})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close(t.Context()) })
	y := &yard{store: s, Builder: openBuilder(t, build.Config{Root: filepath.Join(root, "build"), Store: s})}

	if mounted() {
		t.Error("it is mounted still")
	}
	dir := filepath.Join(root, "project")
	write(t, filepath.Join(dir, "Dockerfile"), "FROM busybox AS test\nRUN echo small > /report\n")
	y.build(t, y.checking(t, dir, map[string][]string{"test": {"/report"}}, "test"))
	if got := kept(t, dir, "test"); len(got) != 1 || got["report"] != "small\n" {
		t.Errorf("kept %d files: %q", len(got), got["report"])
	}
	eventually(t, "nothing is left behind", func() bool { return len(leftBehind(t, root)) == 0 }) // a step's control group goes after it
}
