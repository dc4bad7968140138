package runtime

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	taskapi "github.com/containerd/containerd/api/runtime/task/v3"
	"github.com/containerd/containerd/v2/pkg/cio"
	"github.com/containerd/errdefs/pkg/errgrpc"
	"github.com/containerd/typeurl/v2"
	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"
)

// ExecSpec is a process to run in a replica, beside its own.
type ExecSpec struct {
	Args []string
	Env  []string // beside the replica's, as KEY=value
	User string   // empty: the replica's
	Cwd  string   // empty: the replica's
	TTY  bool

	Stdin          io.Reader // nil: nothing
	Stdout, Stderr io.Writer // nil: nowhere; with TTY all goes to Stdout
	// Resize gives the terminal's size, whenever it changes. May be nil.
	Resize <-chan Size
}

// Size of a terminal, in characters.
type Size struct{ Width, Height uint16 }

// drained is how long output is waited for when a process has ended: one of its children may hold it open for ever.
const drained = 2 * time.Second

// Exec runs a process in the replica and returns its exit code. When ctx ends, so does the process, with SIGKILL.
func (r *Runtime) Exec(ctx context.Context, id string, spec ExecSpec) (code int, err error) {
	c, err := r.get(id)
	if err != nil {
		return 0, err
	}
	run, err := c.running()
	if err != nil {
		return 0, err
	}
	process, err := r.execProcess(id, spec)
	if err != nil {
		return 0, fmt.Errorf("run in replica %s: %w", id, err)
	}
	code, err = r.exec(ctx, run, process, spec)
	if err != nil {
		return 0, fmt.Errorf("run %s in replica %s: %w", spec.Args[0], id, err)
	}
	return code, nil
}

// execProcess is the replica's own process with what spec changes.
func (r *Runtime) execProcess(id string, spec ExecSpec) (*specs.Process, error) {
	if len(spec.Args) == 0 {
		return nil, errors.New("there is no command")
	}
	b, err := os.ReadFile(filepath.Join(r.bundle(id), "config.json"))
	if err != nil {
		return nil, err
	}
	var own specs.Spec
	if err := json.Unmarshal(b, &own); err != nil {
		return nil, err
	}
	p := own.Process
	p.Args, p.Terminal, p.Env = spec.Args, spec.TTY, slices.Concat(p.Env, spec.Env)
	if spec.TTY {
		p.Env = append(p.Env, "TERM=xterm")
	}
	if spec.Cwd != "" {
		p.Cwd = spec.Cwd
	}
	if spec.User != "" {
		who, err := lookUpUser(r.rootfs(id), spec.User, nil)
		if err != nil {
			return nil, err
		}
		p.User = who.oci()
	}
	return p, nil
}

func (r *Runtime) exec(ctx context.Context, run *run, process *specs.Process, spec ExecSpec) (code int, err error) {
	execID := "exec-" + rand.Text()
	input := &ending{from: spec.Stdin, ended: make(chan struct{})}
	stdio, err := r.pipes(execID, spec, input)
	if err != nil {
		return 0, err
	}
	defer func() { stdio.Cancel(); _ = stdio.Close() }()
	described, err := typeurl.MarshalAnyToProto(process)
	if err != nil {
		return 0, err
	}
	paths := stdio.Config()
	always := inNamespace(context.WithoutCancel(ctx))
	_, err = run.task.Exec(always, &taskapi.ExecProcessRequest{
		ID: run.id, ExecID: execID, Terminal: spec.TTY, Stdin: paths.Stdin, Stdout: paths.Stdout, Stderr: paths.Stderr, Spec: described,
	})
	if err != nil {
		return 0, errgrpc.ToNative(err)
	}
	defer func() {
		_, derr := run.task.Delete(always, &taskapi.DeleteRequest{ID: run.id, ExecID: execID})
		if derr != nil && err == nil && run.alive() {
			err = errgrpc.ToNative(derr)
		}
	}()
	if _, err := run.task.Start(always, &taskapi.StartRequest{ID: run.id, ExecID: execID}); err != nil {
		return 0, errgrpc.ToNative(err)
	}
	during, stop := context.WithCancel(always)
	defer stop()
	go run.resize(during, execID, spec.Resize)
	go run.closeInput(during, execID, input.ended)
	return run.awaitExec(ctx, execID, stdio)
}

// pipes connects the process to the caller.
func (r *Runtime) pipes(execID string, spec ExecSpec, input *ending) (cio.IO, error) {
	var stdin io.Reader
	if spec.Stdin != nil {
		stdin = input
	}
	stdout, stderr := spec.Stdout, spec.Stderr
	if stdout == nil {
		stdout = io.Discard
	}
	if stderr == nil {
		stderr = io.Discard
	}
	opts := []cio.Opt{cio.WithStreams(stdin, stdout, stderr), cio.WithFIFODir(r.dir.fifos())}
	if spec.TTY {
		opts = append(opts, cio.WithTerminal)
	}
	return cio.NewCreator(opts...)(execID)
}

// awaitExec waits for the end of the process, killing it when ctx ends, and for its output.
func (n *run) awaitExec(ctx context.Context, execID string, stdio cio.IO) (int, error) {
	always := inNamespace(context.WithoutCancel(ctx))
	stop := context.AfterFunc(ctx, func() {
		// It may have ended meanwhile; what it cannot have done is outlived its deadline.
		_, _ = n.task.Kill(always, &taskapi.KillRequest{ID: n.id, ExecID: execID, Signal: uint32(unix.SIGKILL)})
	})
	defer stop()
	ended, err := n.task.Wait(always, &taskapi.WaitRequest{ID: n.id, ExecID: execID})
	if err != nil {
		return 0, errgrpc.ToNative(err)
	}
	read := make(chan struct{})
	go func() { stdio.Wait(); close(read) }()
	select {
	case <-read:
	case <-time.After(drained):
	}
	if err := context.Cause(ctx); err != nil {
		return 0, err
	}
	return int(ended.ExitStatus), nil
}

func (n *run) resize(ctx context.Context, execID string, sizes <-chan Size) {
	for {
		select {
		case <-ctx.Done():
			return
		case size, ok := <-sizes:
			if !ok {
				return
			}
			// A size that is not taken is followed by another.
			_, _ = n.task.ResizePty(ctx, &taskapi.ResizePtyRequest{
				ID: n.id, ExecID: execID, Width: uint32(size.Width), Height: uint32(size.Height),
			})
		}
	}
}

// closeInput tells the shim, which keeps the process's input open, that there is no more.
func (n *run) closeInput(ctx context.Context, execID string, ended <-chan struct{}) {
	select {
	case <-ctx.Done():
	case <-ended:
		// Where the process has ended meanwhile, nobody reads any more.
		_, _ = n.task.CloseIO(ctx, &taskapi.CloseIORequest{ID: n.id, ExecID: execID, Stdin: true})
	}
}

// ending is a reader that tells when it has come to its end.
type ending struct {
	from  io.Reader
	ended chan struct{}
	once  sync.Once
}

func (e *ending) Read(p []byte) (int, error) {
	n, err := e.from.Read(p)
	if err != nil {
		e.once.Do(func() { close(e.ended) })
	}
	return n, err
}
