package engine

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/seaworthyhq/seaworthy/internal/api"
	"github.com/seaworthyhq/seaworthy/internal/release"
	"github.com/seaworthyhq/seaworthy/internal/runtime"
)

// attached runs a command with its caller at the other end, and returns its exit code.
type attached func(context.Context, runtime.Attachment) (int, error)

// exec runs a command for a caller over a connection of its own. The command ends with that connection, and with the engine.
func (e *Engine) exec(w http.ResponseWriter, r *http.Request) {
	var req api.ExecRequest
	if err := api.Decode(w, r, &req); err != nil {
		api.WriteError(w, err)
		return
	}
	done := make(chan struct{})
	e.work.Go(func() { // a connection that was taken over is nobody else's to wait for
		defer close(done)
		e.execOver(w, req)
	})
	<-done
}

func (e *Engine) execOver(w http.ResponseWriter, req api.ExecRequest) {
	ctx, cancel := context.WithCancel(e.life)
	defer cancel()
	run, remove, err := e.command(ctx, req)
	if err != nil {
		api.WriteError(w, err)
		return
	}
	defer remove()
	conn, err := api.Hijack(w, api.ExecProtocol)
	if err != nil {
		return // the caller is gone
	}
	frames := api.NewFrameConn(conn)
	defer frames.Close()
	code, err := runOver(ctx, cancel, frames, req, run)
	if refused, ok := errors.AsType[*runtime.CommandError](err); ok {
		fmt.Fprintf(frames.Stderr(), "seaworthy: %v\r\n", refused)
		code, err = refused.Code, nil
	}
	remove()                   // before the caller hears of the end, so that nothing is left then
	_ = frames.Exit(code, err) // the caller is gone: nobody to tell
}

// command is what was asked for, ready to run, and what removes it afterwards; that may be called again.
func (e *Engine) command(ctx context.Context, req api.ExecRequest) (attached, func(), error) {
	if req.OneOff {
		return e.oneOff(ctx, req)
	}
	id, err := e.execTarget(req)
	if err != nil {
		return nil, nil, err
	}
	spec := runtime.ExecSpec{Args: req.Args, Env: req.Env, User: req.User, Cwd: req.WorkingDir, Size: sizeOf(req)}
	return func(ctx context.Context, a runtime.Attachment) (int, error) {
		spec.Attachment = a
		return e.runtime.Exec(ctx, id, spec)
	}, func() {}, nil
}

// sizeOf is the caller's terminal, if it has one.
func sizeOf(req api.ExecRequest) runtime.Size {
	if !req.TTY {
		return runtime.Size{}
	}
	return runtime.Size{Width: uint16(req.Width), Height: uint16(req.Height)}
}

// runOver runs the command over the caller's connection; gone is called when the caller is.
func runOver(ctx context.Context, gone func(), frames *api.FrameConn, req api.ExecRequest, run attached) (int, error) {
	sizes, signals := make(chan runtime.Size), make(chan unix.Signal)
	ended, end := context.WithCancel(ctx)
	defer end()
	in, typed := io.Pipe()
	defer in.Close()
	go func() { // ends with the connection
		_ = frames.Receive(api.Incoming{
			Stdin: typed,
			Resize: func(width, height int) {
				select {
				case sizes <- runtime.Size{Width: uint16(width), Height: uint16(height)}:
				case <-ended.Done():
				}
			},
			Signal: func(name string) {
				select {
				case signals <- unix.SignalNum(name):
				case <-ended.Done():
				}
			},
		})
		gone()
	}()
	a := runtime.Attachment{TTY: req.TTY, Stdout: frames.Stdout(), Stderr: frames.Stderr(), Resize: sizes, Signals: signals}
	if req.Stdin {
		a.Stdin = in
	}
	return run(ctx, a)
}

// execTarget is the running replica that a command runs in: one that serves before one that does not, a healthy one before
// others, the first before the rest.
func (e *Engine) execTarget(req api.ExecRequest) (string, error) {
	s, err := e.environment(req.Environment)
	if err != nil {
		return "", err
	}
	if err := e.knowService(s, req.Service); err != nil {
		return "", err
	}
	var running []release.Replica
	for _, r := range e.machine.Replicas(req.Environment) {
		if r.Service == req.Service && r.State == release.StateRunning {
			running = append(running, r)
		}
	}
	rank := func(r release.Replica) int {
		switch {
		case s.Serving == nil || !slices.Contains(s.Serving.Replicas[r.Service], r.ID):
			return 2
		case r.Health != release.HealthHealthy && r.Health != release.HealthUnchecked:
			return 1
		}
		return 0
	}
	slices.SortFunc(running, func(a, b release.Replica) int {
		return cmp.Or(cmp.Compare(rank(a), rank(b)), cmp.Compare(a.Index, b.Index))
	})
	for _, r := range running {
		if req.Index == 0 || r.Index == req.Index {
			return r.ID, nil
		}
	}
	return "", noReplica(req, running)
}

func noReplica(req api.ExecRequest, running []release.Replica) error {
	if len(running) == 0 {
		return &release.UserError{
			Kind: release.KindNotFound, Err: fmt.Errorf("no replica of %s runs in %s", req.Service, req.Environment),
			Hint: req.Environment.Command("run") + " " + req.Service + " -- CMD makes one for the command; " + req.Environment.Command("status") + " shows what runs",
		}
	}
	var indexes []string
	for _, r := range running {
		indexes = append(indexes, fmt.Sprint(r.Index))
	}
	return &release.UserError{
		Kind: release.KindNotFound, Err: fmt.Errorf("no replica %d of %s runs in %s", req.Index, req.Service, req.Environment),
		Hint: "these run: " + strings.Join(indexes, ", "),
	}
}
