package shim

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"

	eventstypes "github.com/containerd/containerd/api/events"
	"github.com/containerd/containerd/v2/core/events"
	"github.com/opencontainers/runtime-spec/specs-go"

	"github.com/seaworthyhq/seaworthy/internal/atomicfile"
)

// Exit is how a replica's process ended, as its shim has written it down.
type Exit struct {
	Code      int       `json:"code"`
	OOMKilled bool      `json:"oomKilled,omitempty"`
	Time      time.Time `json:"time"`
}

// Names in a replica's directory.
const (
	BundleDir  = "bundle"
	exitFile   = "exit.json"
	configFile = "config.json"
)

// ReadExit reads what the shim of the replica with that directory has written; an error of fs.ErrNotExist means nothing.
func ReadExit(dir string) (Exit, error) {
	var e Exit
	b, err := os.ReadFile(filepath.Join(dir, exitFile))
	if err != nil {
		return e, err
	}
	return e, json.Unmarshal(b, &e)
}

// ForgetExit makes room for the exit of the next run.
func ForgetExit(dir string) error {
	err := os.Remove(filepath.Join(dir, exitFile))
	if os.IsNotExist(err) {
		return nil
	}
	return err
}

// recorder takes the task service's events. It writes an exit down before anyone hears of it, so that one that happens
// while no engine runs keeps its code.
type recorder struct {
	dir      string
	recorded chan struct{} // closed when the exit is on disk
	closed   chan struct{} // closed when the last event has been taken

	mu        sync.Mutex // guards oomKilled
	oomKilled bool
}

func newRecorder(dir string) *recorder {
	return &recorder{dir: dir, recorded: make(chan struct{}), closed: make(chan struct{})}
}

// Publish takes one event, in the order they happen.
func (r *recorder) Publish(_ context.Context, _ string, event events.Event) error {
	switch e := event.(type) {
	case *eventstypes.TaskOOM:
		r.mu.Lock()
		r.oomKilled = true
		r.mu.Unlock()
	case *eventstypes.TaskExit:
		if e.ID == e.ContainerID {
			defer close(r.recorded)
			return r.record(e)
		}
	}
	return nil
}

// Close is called after the last event.
func (r *recorder) Close() error {
	close(r.closed)
	return nil
}

func (r *recorder) record(e *eventstypes.TaskExit) error {
	r.mu.Lock()
	oomKilled := r.oomKilled
	r.mu.Unlock()
	// The notice of an OOM kill races with the exit; the cgroup's counter does not.
	oomKilled = oomKilled || oomKills(filepath.Join(r.dir, BundleDir)) > 0
	b, err := json.Marshal(Exit{Code: int(e.ExitStatus), OOMKilled: oomKilled, Time: e.ExitedAt.AsTime()})
	if err != nil {
		return err
	}
	return atomicfile.Write(filepath.Join(r.dir, exitFile), b, 0o600)
}

// oomKills counts how often the kernel killed something in the bundle's cgroup for want of memory.
func oomKills(bundle string) int {
	b, err := os.ReadFile(filepath.Join(bundle, configFile))
	if err != nil {
		return 0
	}
	var spec specs.Spec
	if err := json.Unmarshal(b, &spec); err != nil || spec.Linux == nil {
		return 0
	}
	for _, file := range []string{
		filepath.Join("/sys/fs/cgroup", spec.Linux.CgroupsPath, "memory.events"),             // version 2
		filepath.Join("/sys/fs/cgroup/memory", spec.Linux.CgroupsPath, "memory.oom_control"), // version 1
	} {
		if b, err := os.ReadFile(file); err == nil {
			return counter(string(b), "oom_kill")
		}
	}
	return 0
}

func counter(text, key string) int {
	for line := range strings.Lines(text) {
		if name, value, ok := strings.Cut(strings.TrimSpace(line), " "); ok && name == key {
			n, _ := strconv.Atoi(value) // the kernel writes a number
			return n
		}
	}
	return 0
}
