package cgroup_test

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"testing"

	"github.com/seaworthyhq/seaworthy/internal/host/cgroup"
)

// It is for its side effect on the kernel alone.
func TestReadyMovesMovesNothing(t *testing.T) {
	where := func() []byte {
		b, err := os.ReadFile("/proc/self/cgroup")
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	before := where()
	cgroup.ReadyMoves()
	if after := where(); !bytes.Equal(before, after) {
		t.Errorf("in\n%s\nafter the move, in\n%s\nbefore", after, before)
	}
}

func TestOnlyGroupsWithoutProcessesAreRemoved(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("only root makes control groups")
	}
	parent := "/seaworthy-test-" + filepath.Base(t.TempDir())
	full, empty := parent+"/full", parent+"/empty"
	hierarchy := filepath.Join(cgroup.Root, "pids")
	if _, err := os.Stat(hierarchy); err != nil {
		hierarchy = cgroup.Root
	}
	for _, group := range []string{full, empty} {
		if err := os.MkdirAll(filepath.Join(hierarchy, group), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	sleeper := exec.Command("sleep", "1000")
	if err := sleeper.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = sleeper.Process.Kill()
		_ = sleeper.Wait()
		cgroup.RemoveUnused(parent)
		if left := cgroup.Dirs(parent); len(left) > 0 {
			t.Errorf("%v are left", left)
		}
	})
	if err := os.WriteFile(filepath.Join(hierarchy, full, "cgroup.procs"), []byte(strconv.Itoa(sleeper.Process.Pid)), 0); err != nil {
		t.Fatal(err)
	}
	cgroup.RemoveUnused(parent)
	cgroup.RemoveEmpty(full)
	in := func(group string) string { return filepath.Join(hierarchy, group) }
	if got, want := cgroup.Within(parent), []string{in(parent), in(full)}; !slices.Equal(got, want) {
		t.Errorf("%v are there, want %v", got, want)
	}
}
