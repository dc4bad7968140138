package worker

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/containerd/cgroups/v3"
	"github.com/containerd/cgroups/v3/cgroup1"
	"github.com/containerd/cgroups/v3/cgroup2"
	specs "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"github.com/seaworthyhq/seaworthy/internal/host/cgroup"
)

// runGroup is the control group around one RUN step's own. It outlives that one, which runc removes, with all that its
// counters say, before anybody hears how the step ended.
type runGroup struct {
	parent, path string
	limits       Limits
	oom          int // of cgroup v1: an eventfd that the kernel writes to when the parent runs out of memory; -1: none
	oomsBefore   int // of cgroup v2
}

func newRunGroup(parent, id string, limits Limits) (*runGroup, error) {
	g := &runGroup{parent: path.Join("/", parent), limits: limits, oom: -1}
	g.path = path.Join(g.parent, id)
	resources := &specs.LinuxResources{}
	if limits.PIDs > 0 {
		resources.Pids = &specs.LinuxPids{Limit: &limits.PIDs}
	}
	if cgroups.Mode() == cgroups.Unified {
		if _, err := cgroup2.NewManager(cgroup.Root, g.path, cgroup2.ToResources(resources)); err != nil {
			return nil, fmt.Errorf("limit RUN: %w", err)
		}
		g.oomsBefore = memoryEvents(g.parent, "oom")
		return g, nil
	}
	group, err := cgroup1.New(cgroup1.StaticPath(g.path), resources, only(cgroup1.Memory, cgroup1.Pids))
	if err != nil {
		return nil, fmt.Errorf("limit RUN: %w", err)
	}
	if fd, err := group.OOMEventFD(); err == nil { // a kernel without it leaves the reason unknown
		g.oom = int(fd)
	}
	return g, nil
}

// explain adds to a step's failure the limit that was reached while it ran, where one was and may be the reason.
func (g *runGroup) explain(err error) error {
	switch {
	case g.limits.MemoryBytes > 0 && g.ranOutOfMemory():
		return &LimitError{err, fmt.Sprintf(g.memoryReached(), g.limits.MemoryBytes>>20), "build.memoryBytes"}
	case g.limits.PIDs > 0 && g.mostPIDs() >= g.limits.PIDs:
		return &LimitError{err, fmt.Sprintf("it had reached the limit of %d processes and threads", g.limits.PIDs), "build.pids"}
	}
	return err
}

// ranOutOfMemory reports whether all builds together reached their limit while the step ran, and took a process of the step where the
// kernel tells whose it took. In cgroup v1 it tells that of groups that are gone by now.
func (g *runGroup) ranOutOfMemory() bool {
	if g.oom < 0 {
		return memoryEvents(g.parent, "oom") > g.oomsBefore && memoryEvents(g.path, "oom_kill") > 0
	}
	var count [8]byte
	if unix.SetNonblock(g.oom, true) != nil {
		return false
	}
	n, _ := unix.Read(g.oom, count[:]) // nothing to read: it did not
	return n == len(count)
}

func (g *runGroup) memoryReached() string {
	if g.oom < 0 {
		return "it was killed at the limit of %d MiB of memory for all builds"
	}
	return "all builds together had reached their limit of %d MiB of memory while it ran"
}

// memoryEvents is how often something happened to a group and all in it, in cgroup v2.
func memoryEvents(group, what string) int {
	events, _ := os.ReadFile(filepath.Join(cgroup.Root, group, "memory.events")) // there is none in v1
	for line := range strings.Lines(string(events)) {
		if value, ok := strings.CutPrefix(line, what+" "); ok {
			n, _ := strconv.Atoi(strings.TrimSpace(value)) // the kernel writes a number
			return n
		}
	}
	return 0
}

// mostPIDs is how many processes and threads the step had at most; 0 where the kernel does not tell.
func (g *runGroup) mostPIDs() int64 {
	for _, hierarchy := range []string{"", string(cgroup1.Pids)} {
		if peak, err := os.ReadFile(filepath.Join(cgroup.Root, hierarchy, g.path, "pids.peak")); err == nil {
			n, _ := strconv.ParseInt(strings.TrimSpace(string(peak)), 10, 64) // the kernel writes a number
			return n
		}
	}
	return 0
}

// remove takes the group away when runc has removed the one within: in cgroup v2, where BuildKit reads that once more, it does so
// a moment after the step's end.
func (g *runGroup) remove() {
	if g.oom >= 0 {
		_ = unix.Close(g.oom) // nothing was written
	}
	for deadline := time.Now().Add(10 * time.Second); !g.removed() && time.Now().Before(deadline); {
		time.Sleep(10 * time.Millisecond)
	}
}

func (g *runGroup) removed() bool {
	gone := true
	for _, dir := range cgroup.Dirs(g.path) {
		_ = os.Remove(filepath.Join(dir, "buildkit")) // which BuildKit puts between
		if err := os.Remove(dir); err != nil && !errors.Is(err, fs.ErrNotExist) {
			gone = false
		}
	}
	return gone
}

// LimitError is the failure of a RUN step that may come of a limit.
type LimitError struct {
	error
	Reached string // what was
	Setting string // of the engine, that says the limit
}

func (e *LimitError) Error() string { return fmt.Sprintf("%v: %s", e.error, e.Reached) }
func (e *LimitError) Unwrap() error { return e.error }
