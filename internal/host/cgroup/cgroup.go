// Package cgroup is what replicas and builds both need of the machine's control groups, whose hierarchies are one in version 2 and
// one for each controller in version 1. Limits are set with github.com/containerd/cgroups.
package cgroup

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/containerd/cgroups/v3"
	"golang.org/x/sys/unix"
)

// Root is where the hierarchies are mounted.
const Root = "/sys/fs/cgroup"

// hierarchies are the mount points of all hierarchies.
func hierarchies() []string {
	if cgroups.Mode() == cgroups.Unified {
		return []string{Root}
	}
	all, _ := filepath.Glob(filepath.Join(Root, "*")) // the pattern is valid
	return all
}

// Dirs are the folders of a control group in the hierarchies that it is in.
func Dirs(path string) []string {
	var found []string
	for _, h := range hierarchies() {
		if dir := filepath.Join(h, path); isDir(dir) {
			found = append(found, dir)
		}
	}
	return found
}

func isDir(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.IsDir()
}

// RemoveEmpty removes the group and its parents as long as nothing is in them: the kernel refuses otherwise.
func RemoveEmpty(path string) {
	for _, h := range hierarchies() {
		for p := path; p != "/" && p != "."; p = filepath.Dir(p) {
			if err := os.Remove(filepath.Join(h, p)); err != nil && !os.IsNotExist(err) {
				break
			}
		}
	}
}

// Kill kills the processes of the group and of all groups in it, and returns when there are none.
func Kill(group string) error {
	deadline := time.Now().Add(10 * time.Second)
	for {
		killed := 0
		for _, dir := range Within(group) {
			killed += kill(dir)
		}
		if killed == 0 {
			return nil
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("%d processes of control group %s do not die", killed, group)
		}
		time.Sleep(5 * time.Millisecond) // for the kernel to let them go
	}
}

// kill kills the processes that are in the folder of a group and says how many it found.
func kill(dir string) int {
	procs, err := os.ReadFile(filepath.Join(dir, "cgroup.procs"))
	if err != nil {
		return 0
	}
	found := 0
	for _, field := range strings.Fields(string(procs)) {
		if pid, err := strconv.Atoi(field); err == nil && pid > 1 {
			found++
			_ = unix.Kill(pid, unix.SIGKILL) // it may be gone
		}
	}
	return found
}

// RemoveUnused removes the group and all groups in it that have no process.
func RemoveUnused(group string) {
	for _, dir := range slices.Backward(Within(group)) {
		_ = os.Remove(dir) // the kernel refuses where there is one
	}
}

// Within are the folders of a group and of all groups in it, in all hierarchies. Parents come first.
func Within(group string) []string {
	var found []string
	for _, top := range Dirs(group) {
		_ = filepath.WalkDir(top, func(path string, e fs.DirEntry, err error) error {
			if err == nil && e.IsDir() {
				found = append(found, path)
			}
			return nil // what has gone meanwhile is not looked for
		})
	}
	return found
}

// ReadyMoves has the kernel ready to move a process to another group. The first move after a quiet time waits until every processor
// has passed through a quiescent state, some 8 ms; those within about as long after it do not. One lock guards the moves in all
// hierarchies (cgroup_threadgroup_rwsem in https://github.com/torvalds/linux/blob/v6.1/kernel/cgroup/cgroup.c), so that it is enough
// for this process to move itself to where it is, while what comes before the OCI runtime's move is still being done.
func ReadyMoves() {
	if path := ownProcs(); path != "" {
		_ = os.WriteFile(path, []byte("0"), 0) // the other move takes as long as it takes then
	}
}

// ownProcs is the file by which this process can move itself to where it is; empty: it is not known.
var ownProcs = sync.OnceValue(func() string {
	legacy, unified, err := cgroups.ParseCgroupFileUnified("/proc/self/cgroup")
	switch path, ok := legacy["pids"]; {
	case err != nil:
		return ""
	case cgroups.Mode() == cgroups.Unified:
		return filepath.Join(Root, unified, "cgroup.procs")
	case ok:
		return filepath.Join(Root, "pids", path, "cgroup.procs")
	}
	return ""
})
