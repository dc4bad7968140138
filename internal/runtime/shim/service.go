package shim

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"sync/atomic"
	"time"

	taskapi "github.com/containerd/containerd/api/runtime/task/v3"

	"github.com/containerd/containerd/v2/pkg/shutdown"
	"github.com/containerd/errdefs"
	"github.com/containerd/errdefs/pkg/errgrpc"
	"github.com/containerd/log"
	"golang.org/x/sys/unix"
	"google.golang.org/protobuf/types/known/emptypb"
)

// service is containerd's task service, which answers for an exit only once it is on disk.
type service struct {
	taskapi.TTRPCTaskService
	recorder *recorder
	once     sync.Once
	used     chan struct{}              // closed when a replica was asked for
	process  atomic.Pointer[os.Process] // nil: there is none, or it cannot be signalled by a handle
}

// Create starts the replica's process and holds it before its first instruction.
func (s *service) Create(ctx context.Context, r *taskapi.CreateTaskRequest) (*taskapi.CreateTaskResponse, error) {
	s.once.Do(func() { close(s.used) })
	resp, err := s.TTRPCTaskService.Create(ctx, r)
	if err == nil {
		go s.keepLog(r.ID, r.Stdout)
		s.process.Store(byHandle(int(resp.Pid)))
	}
	return resp, err
}

// Start lets the replica's process begin.
func (s *service) Start(ctx context.Context, r *taskapi.StartRequest) (*taskapi.StartResponse, error) {
	resp, err := s.TTRPCTaskService.Start(ctx, r)
	if r.ExecID == "" {
		go stayLean() // what was at stake until here was time
	}
	return resp, err
}

// byHandle is the process with a handle, which never stands for another one that has got its id; nil: the kernel has no handles.
func byHandle(pid int) *os.Process {
	process, err := os.FindProcess(pid)
	if err != nil || process.WithHandle(func(uintptr) {}) != nil {
		return nil
	}
	return process
}

// Kill signals the replica's process itself. The OCI runtime would do no more, and takes longer to start than most applications to
// end.
func (s *service) Kill(ctx context.Context, r *taskapi.KillRequest) (*emptypb.Empty, error) {
	process := s.process.Load()
	if process == nil || r.ExecID != "" || r.All {
		return s.TTRPCTaskService.Kill(ctx, r)
	}
	err := process.Signal(unix.Signal(r.Signal))
	if errors.Is(err, os.ErrProcessDone) {
		err = errgrpc.ToGRPCf(errdefs.ErrNotFound, "process has ended")
	}
	return &emptypb.Empty{}, err
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
