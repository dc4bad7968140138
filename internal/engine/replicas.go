package engine

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"slices"
	"sync"

	"encoding/json"

	"github.com/moby/buildkit/identity"

	"github.com/seaworthyhq/seaworthy/internal/api"
	"github.com/seaworthyhq/seaworthy/internal/event"
	"github.com/seaworthyhq/seaworthy/internal/release"
	"github.com/seaworthyhq/seaworthy/internal/runtime"
)

// logs emits what replicas wrote.
func (e *Engine) logs(ctx context.Context, req api.LogsRequest, sink event.Sink) error {
	replicas := e.machine.Replicas(req.Environment)
	if req.Previous {
		previous, err := e.runtime.Previous(req.Environment)
		if err != nil {
			return err
		}
		replicas = append(replicas, previous...)
	}
	if len(req.Services) > 0 {
		replicas = slices.DeleteFunc(replicas, func(r release.Replica) bool { return !slices.Contains(req.Services, r.Service) })
	}
	if len(replicas) == 0 {
		return &release.UserError{Kind: release.KindNotFound, Err: fmt.Errorf("no replicas in %s to read logs of", req.Environment), Hint: "seaworthy status shows what runs; --previous has what was removed"}
	}
	var wait sync.WaitGroup
	for _, r := range replicas {
		if !req.Follow { // one after the other, so that lines of one replica stay together
			e.copyLog(ctx, r, req, sink)
			continue
		}
		wait.Go(func() { e.copyLog(ctx, r, req, sink) })
	}
	wait.Wait()
	return nil
}

func (e *Engine) copyLog(ctx context.Context, r release.Replica, req api.LogsRequest, sink event.Sink) {
	opts := runtime.LogOptions{Since: req.Since, Tail: req.Tail, Follow: req.Follow}
	for line, err := range e.runtime.Logs(ctx, r.ID, opts) {
		if err != nil {
			return // the log of a replica that is being removed
		}
		sink.Emit(event.Event{Time: line.Time, Type: event.TypeLog, Log: &event.Log{
			Service: r.Service, Replica: r.ID, Stream: line.Stream, Line: line.Line,
		}})
	}
}

// exec runs a command in a replica over a connection of its own.
func (e *Engine) exec(w http.ResponseWriter, r *http.Request) {
	var req api.ExecRequest
	if err := json.NewDecoder(r.Body).Decode(&req); err != nil {
		api.WriteError(w, &release.UserError{Kind: release.KindUsage, Err: fmt.Errorf("read request: %w", err)})
		return
	}
	ctx, cancel := context.WithCancel(context.WithoutCancel(r.Context()))
	defer cancel()
	id, remove, err := e.execTarget(ctx, req)
	if err != nil {
		api.WriteError(w, err)
		return
	}
	defer remove()
	conn, err := api.Hijack(w, api.ExecProtocol)
	if err != nil {
		return
	}
	frames := api.NewFrameConn(conn)
	defer frames.Close()
	code, err := e.execOver(ctx, cancel, frames, id, req)
	_ = frames.Exit(code, err) // the caller is gone: nobody to tell
}

func (e *Engine) execOver(ctx context.Context, gone func(), frames *api.FrameConn, id string, req api.ExecRequest) (int, error) {
	sizes := make(chan runtime.Size, 1)
	if req.TTY && req.Width > 0 {
		sizes <- runtime.Size{Width: uint16(req.Width), Height: uint16(req.Height)}
	}
	in, typed := io.Pipe()
	go func() { // ends with the connection
		_ = frames.Receive(typed, func(width, height int) {
			select {
			case sizes <- runtime.Size{Width: uint16(width), Height: uint16(height)}:
			case <-ctx.Done():
			}
		})
		gone()
	}()
	spec := runtime.ExecSpec{
		Args: req.Args, Env: req.Env, User: req.User, Cwd: req.WorkingDir, TTY: req.TTY,
		Stdout: frames.Stdout(), Stderr: frames.Stderr(), Resize: sizes,
	}
	if req.Stdin {
		spec.Stdin = in
	}
	return e.runtime.Exec(ctx, id, spec)
}

// execTarget is the replica that a command runs in: one that serves, or a new one beside them.
func (e *Engine) execTarget(ctx context.Context, req api.ExecRequest) (id string, remove func(), err error) {
	nothing := func() {}
	if req.OneOff {
		return e.oneOff(ctx, req)
	}
	for _, r := range e.machine.Replicas(req.Environment) {
		if r.Service == req.Service && r.State == release.StateRunning && (req.Index == 0 || r.Index == req.Index) {
			return r.ID, nothing, nil
		}
	}
	return "", nothing, &release.UserError{
		Kind: release.KindNotFound, Err: fmt.Errorf("no running replica of %s in %s", req.Service, req.Environment),
		Hint: "seaworthy status shows what runs",
	}
}

// oneOff makes a replica that takes no traffic and does nothing, for a command to run in.
func (e *Engine) oneOff(ctx context.Context, req api.ExecRequest) (string, func(), error) {
	s, err := e.environment(req.Environment)
	if err != nil {
		return "", nil, err
	}
	if s.Serving == nil {
		return "", nil, nothingServes(req.Environment)
	}
	service := s.Serving.Generation.Config.Service(req.Service)
	if service == nil {
		return "", nil, &release.UserError{Kind: release.KindNotFound, Err: fmt.Errorf("no service %s in %s", req.Service, req.Environment), Hint: "seaworthy status lists the services"}
	}
	return "", nil, &release.UserError{
		Kind: release.KindUsage, Err: fmt.Errorf("run is not built yet (one-off %s of %s)", identity.NewID()[:8], service.Name),
		Hint: "seaworthy exec " + req.Service + " -- CMD runs it in a replica that serves",
	}
}

func (e *Engine) exportVolume(w http.ResponseWriter, r *http.Request) {
	env, name := environmentOf(r), r.PathValue("name")
	if _, err := e.runtime.Volume(env, name); err != nil {
		api.WriteError(w, &release.UserError{Kind: release.KindNotFound, Err: err, Hint: "seaworthy volume list"})
		return
	}
	w.Header().Set("Content-Type", "application/x-tar")
	if err := e.runtime.ExportVolume(r.Context(), env, name, w); err != nil {
		e.log.Error("export volume", "volume", name, "error", err)
		panic(http.ErrAbortHandler) // a cut connection is the only way left to say that the archive is not whole
	}
}

func (e *Engine) removeVolume(ctx context.Context, env release.Environment, name string) error {
	s, err := e.environment(env)
	if err != nil {
		return err
	}
	if s.Serving != nil {
		if users := usersOf(s.Serving.Generation.Config, name); len(users) > 0 {
			return &release.UserError{
				Kind: release.KindConflict, Err: fmt.Errorf("volume %s is used by %v", name, users),
				Hint: "seaworthy down --volumes removes both",
			}
		}
	}
	return e.runtime.RemoveVolume(ctx, env, name)
}
