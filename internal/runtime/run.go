package runtime

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	taskapi "github.com/containerd/containerd/api/runtime/task/v3"
	"github.com/containerd/containerd/api/types/runc/options"
	tasktypes "github.com/containerd/containerd/api/types/task"
	"github.com/containerd/containerd/v2/pkg/namespaces"
	"github.com/containerd/errdefs"
	"github.com/containerd/errdefs/pkg/errgrpc"
	"github.com/containerd/ttrpc"
	"github.com/containerd/typeurl/v2"
	"golang.org/x/sys/unix"

	"github.com/seaworthyhq/seaworthy/internal/runtime/aide"
	"github.com/seaworthyhq/seaworthy/internal/runtime/shim"
)

// sealedPath is where the processes that a shim starts find the second file that it was given.
const sealedPath = "/proc/self/fd/4"

// run is the connection to the shim of one replica.
type run struct {
	id     string
	oci    string // the OCI runtime, as its shim finds it
	client *ttrpc.Client
	task   taskapi.TTRPCTaskService
	lost   chan struct{} // closed when the connection is
	shim   *os.Process   // nil: another engine started it
}

// spawn starts a shim for the replica and connects to it. The listening socket is handed over, so the connection is made while the
// shim is still coming up.
func (r *Runtime) spawn(id string) (*run, error) {
	path := r.dir.socket(id)
	_ = os.Remove(path) // of an earlier run
	listener, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		return nil, fmt.Errorf("listen for shim: %w", err)
	}
	listener.SetUnlinkOnClose(false)
	defer listener.Close()
	socket, err := listener.File()
	if err != nil {
		return nil, err
	}
	defer socket.Close()
	output, err := os.OpenFile(filepath.Join(r.shimDir(id), "shim.log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, err
	}
	defer output.Close()
	cmd := exec.Command(r.programs.shim)
	cmd.Dir, cmd.Stdout, cmd.Stderr, cmd.ExtraFiles = r.shimDir(id), output, output, []*os.File{socket}
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), r.crunScratch()}
	oci := r.oci.path
	if r.oci.sealed != nil {
		if program, err := r.oci.sealed.open(); err == nil { // else it copies itself
			cmd.ExtraFiles = append(cmd.ExtraFiles, program)
			cmd.Env = append(cmd.Env, aide.SealedCrun+"="+sealedPath)
			if oci != r.programs.crun { // which finds it by that variable
				oci = sealedPath
			}
		}
	}
	cmd.SysProcAttr = &unix.SysProcAttr{Setsid: true} // what stops the engine's group does not stop it
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("start shim: %w", err)
	}
	go func() { _ = cmd.Wait() }() // while the engine lives it is the parent, and reaps
	n, err := r.dial(id)
	if err != nil {
		return nil, err
	}
	n.shim, n.oci = cmd.Process, oci
	return n, nil
}

// dial connects to the replica's shim; an error means that there is none.
func (r *Runtime) dial(id string) (*run, error) {
	conn, err := net.Dial("unix", r.dir.socket(id))
	if err != nil {
		return nil, fmt.Errorf("connect to shim: %w", err)
	}
	n := &run{id: id, oci: r.oci.path, lost: make(chan struct{})}
	n.client = ttrpc.NewClient(conn, ttrpc.WithOnClose(func() { close(n.lost) }))
	n.task = taskapi.NewTTRPCTaskClient(n.client)
	return n, nil
}

func (n *run) close() error { return n.client.Close() }

func (n *run) alive() bool {
	select {
	case <-n.lost:
		return false
	default:
		return true
	}
}

func inNamespace(ctx context.Context) context.Context {
	return namespaces.WithNamespace(ctx, shim.Namespace)
}

// create makes the process and holds it before its first instruction.
func (n *run) create(ctx context.Context, bundle, root string, to stdio) error {
	opts, err := typeurl.MarshalAnyToProto(&options.Options{BinaryName: n.oci, Root: root})
	if err != nil {
		return err
	}
	_, err = n.task.Create(inNamespace(ctx), &taskapi.CreateTaskRequest{
		ID: n.id, Bundle: bundle, Terminal: to.terminal, Stdin: to.stdin, Stdout: to.stdout, Stderr: to.stderr, Options: opts,
	})
	return errgrpc.ToNative(err)
}

func (n *run) start(ctx context.Context) error {
	_, err := n.task.Start(inNamespace(ctx), &taskapi.StartRequest{ID: n.id})
	return errgrpc.ToNative(err)
}

// wait returns nil when the process has ended and its shim has written down how.
func (n *run) wait(ctx context.Context) error {
	_, err := n.task.Wait(inNamespace(ctx), &taskapi.WaitRequest{ID: n.id})
	return errgrpc.ToNative(err)
}

func (n *run) kill(ctx context.Context, signal unix.Signal) error {
	_, err := n.task.Kill(inNamespace(ctx), &taskapi.KillRequest{ID: n.id, Signal: uint32(signal)})
	if err = errgrpc.ToNative(err); errdefs.IsNotFound(err) {
		return nil // it has ended
	}
	return err
}

// status is what the shim says of the process.
func (n *run) status(ctx context.Context) (tasktypes.Status, error) {
	resp, err := n.task.State(inNamespace(ctx), &taskapi.StateRequest{ID: n.id})
	if err != nil {
		return tasktypes.Status_UNKNOWN, errgrpc.ToNative(err)
	}
	return resp.Status, nil
}

// patience is how long a shim is waited for.
const patience = 5 * time.Second

// dismiss gives up what is left of an ended process and ends the shim.
func (n *run) dismiss(ctx context.Context) error {
	ctx = inNamespace(ctx)
	_, err := n.task.Delete(ctx, &taskapi.DeleteRequest{ID: n.id})
	if err = errgrpc.ToNative(err); errdefs.IsNotFound(err) {
		err = nil
	}
	if _, serr := n.task.Shutdown(ctx, &taskapi.ShutdownRequest{ID: n.id}); serr != nil && !errors.Is(serr, ttrpc.ErrClosed) {
		err = errors.Join(err, errgrpc.ToNative(serr))
	}
	select {
	case <-n.lost:
	case <-time.After(patience): // a shim that hangs, or was told too early to end; its replica is gone
		if n.shim != nil {
			_ = n.shim.Kill()
		}
	case <-ctx.Done():
	}
	return errors.Join(err, n.close())
}

// abandon ends a process that may have been made or started, or not: whoever asked went away meanwhile.
func (n *run) abandon(ctx context.Context) error {
	_ = n.kill(ctx, unix.SIGKILL) // there may be nothing to kill
	limited, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	_ = n.wait(limited) // a shim lets go of nothing that runs
	return n.dismiss(ctx)
}

// clearAway does what the shim of a replica would have done, had it not been killed: nothing of the replica runs afterwards.
func (r *Runtime) clearAway(ctx context.Context, id string) error {
	_ = os.Remove(r.dir.socket(id))
	_ = os.Remove(filepath.Join(r.bundle(id), ".init.pid")) // of a runc that was killed while it wrote init.pid
	return r.deleteContainer(ctx, id)
}
