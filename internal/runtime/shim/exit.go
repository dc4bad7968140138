package shim

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"

	eventstypes "github.com/containerd/containerd/api/events"
	taskapi "github.com/containerd/containerd/api/runtime/task/v3"
	"github.com/containerd/containerd/v2/core/events"
	"github.com/containerd/containerd/v2/pkg/shutdown"
	"github.com/containerd/log"
	"github.com/opencontainers/runtime-spec/specs-go"
	"google.golang.org/protobuf/types/known/emptypb"

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

// service is containerd's task service, which answers for an exit only once it is on disk.
type service struct {
	taskapi.TTRPCTaskService
	recorder *recorder
	once     sync.Once
	used     chan struct{} // closed when a replica was asked for
}

// Create starts the replica's process and holds it before its first instruction.
func (s *service) Create(ctx context.Context, r *taskapi.CreateTaskRequest) (*taskapi.CreateTaskResponse, error) {
	s.once.Do(func() { close(s.used) })
	resp, err := s.TTRPCTaskService.Create(ctx, r)
	if err == nil {
		go s.keepLog(r.ID, r.Stdout)
	}
	return resp, err
}

func (s *service) keepLog(id, uri string) {
	o, err := holdOutput(id, uri)
	if err != nil {
		log.L.WithError(err).Error("log writer will not be replaced")
	}
	if o != nil {
		o.keepWriter(s.recorder.recorded)
	}
}

// Wait returns when the process has ended.
func (s *service) Wait(ctx context.Context, r *taskapi.WaitRequest) (*taskapi.WaitResponse, error) {
	resp, err := s.TTRPCTaskService.Wait(ctx, r)
	if err == nil && r.ExecID == "" {
		err = s.awaitRecord(ctx)
	}
	return resp, err
}

// Delete gives up what is left of the process, its cgroup included.
func (s *service) Delete(ctx context.Context, r *taskapi.DeleteRequest) (*taskapi.DeleteResponse, error) {
	if r.ExecID == "" {
		state, err := s.State(ctx, &taskapi.StateRequest{ID: r.ID})
		if err == nil && !state.ExitedAt.AsTime().IsZero() && state.ExitedAt.AsTime().Unix() > 0 {
			if err := s.awaitRecord(ctx); err != nil {
				return nil, err
			}
		}
	}
	return s.TTRPCTaskService.Delete(ctx, r)
}

// Shutdown ends the shim. Once its replica is gone there is nothing to wait for.
func (s *service) Shutdown(ctx context.Context, r *taskapi.ShutdownRequest) (*emptypb.Empty, error) {
	s.once.Do(func() { close(s.used) })
	return s.TTRPCTaskService.Shutdown(ctx, r)
}

func (s *service) awaitRecord(ctx context.Context) error {
	select {
	case <-s.recorder.recorded:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("wait for record of exit: %w", context.Cause(ctx))
	}
}

func (s *service) giveUpUnused(sd shutdown.Service) {
	select {
	case <-s.used:
	case <-time.After(unused):
		log.L.Error("nobody asked for a replica")
		sd.Shutdown()
	}
}
