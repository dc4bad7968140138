package runtime

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	taskapi "github.com/containerd/containerd/api/runtime/task/v3"
	tasktypes "github.com/containerd/containerd/api/types/task"
	"github.com/containerd/errdefs/pkg/errgrpc"
	"github.com/containerd/ttrpc"
	"github.com/containerd/typeurl/v2"
	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"github.com/seaworthyhq/seaworthy/internal/host/cgroup"
	"github.com/seaworthyhq/seaworthy/internal/release"
)

// ExecSpec is a process to run in a replica, beside its own.
type ExecSpec struct {
	Attachment
	Args []string
	Env  []string // beside the replica's, as KEY=value
	User string   // empty: the replica's
	Cwd  string   // empty: the replica's
	Size Size     // of the terminal
	// EndChildren has what the process leaves behind end with it, if it holds its output open.
	EndChildren bool
}

// Exec runs a process in the replica and returns its exit code. When ctx ends, so does the process with its children, with
// SIGKILL. What it leaves behind goes on, but what that writes reaches the caller only while it is not silent for long. A
// command that cannot be run is a *CommandError.
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
	if errors.Is(err, ttrpc.ErrClosed) {
		return 0, &release.UserError{
			Kind: release.KindNotFound, Err: fmt.Errorf("run %s: replica %s has ended meanwhile", spec.Args[0], id),
			Hint: c.env.Command("status") + " shows what runs; run the same command again, for another replica",
		}
	}
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
	p.Args, p.Terminal, p.ConsoleSize = spec.Args, spec.TTY, spec.Size.box()
	if spec.TTY {
		p.Env = withVariable(p.Env, terminalType)
	}
	if spec.Cwd != "" {
		p.Cwd = spec.Cwd
	}
	if spec.User != "" {
		if err := r.become(id, p, spec.User); err != nil {
			return nil, err
		}
	}
	for _, variable := range spec.Env {
		p.Env = withVariable(p.Env, variable)
	}
	return p, nil
}

// terminalType is one that every image knows that knows any.
const terminalType = "TERM=xterm"

// become has the process run as somebody else: at home there, unless HOME was chosen by hand.
func (r *Runtime) become(id string, p *specs.Process, who string) error {
	before, err := lookUpUser(r.rootfs(id), fmt.Sprintf("%d:%d", p.User.UID, p.User.GID), nil)
	if err != nil {
		return err
	}
	after, err := lookUpUser(r.rootfs(id), who, nil)
	if err != nil {
		return &CommandError{Code: codeNotRunnable, Err: err}
	}
	p.User = after.oci()
	if slices.Contains(p.Env, "HOME="+before.home) {
		p.Env = withVariable(p.Env, "HOME="+after.home)
	}
	return nil
}

// withVariable is env with a variable of the form KEY=value, which replaces one of the same name.
func withVariable(env []string, variable string) []string {
	name, _, _ := strings.Cut(variable, "=")
	kept := slices.DeleteFunc(slices.Clone(env), func(v string) bool { return strings.HasPrefix(v, name+"=") })
	return append(kept, variable)
}

func (r *Runtime) exec(ctx context.Context, run *run, process *specs.Process, spec ExecSpec) (code int, err error) {
	go cgroup.ReadyMoves()
	execID := "exec-" + rand.Text()
	if spec.EndChildren {
		process.Env = append(process.Env, mark(execID))
	}
	p, err := r.connect(execID, spec.Attachment)
	if err != nil {
		return 0, err
	}
	defer p.close()
	described, err := typeurl.MarshalAnyToProto(process)
	if err != nil {
		return 0, err
	}
	forget, err := r.rememberExec(run.id, execID)
	if err != nil {
		return 0, err
	}
	always := inNamespace(context.WithoutCancel(ctx))
	_, err = run.task.Exec(always, &taskapi.ExecProcessRequest{
		ID: run.id, ExecID: execID, Terminal: p.terminal, Stdin: p.stdin, Stdout: p.stdout, Stderr: p.stderr, Spec: described,
	})
	if err != nil {
		forget()
		return 0, fromShim(err)
	}
	code, whole, err := run.execute(ctx, execID, p, spec)
	if !whole { // the shim waits for it much longer
		r.waiters.Go(func() { _ = run.deleteExec(inNamespace(r.closing), execID, forget) })
		return code, err
	}
	if derr := run.deleteExec(always, execID, forget); err == nil && run.alive() {
		err = derr
	}
	return code, err
}

// fromShim is an error of the shim's, or ttrpc.ErrClosed of one that has ended, and its replica with it.
func fromShim(err error) error {
	if errors.Is(err, ttrpc.ErrClosed) {
		return err
	}
	return errgrpc.ToNative(err)
}

// deleteExec gives up what is left of an ended process.
func (n *run) deleteExec(ctx context.Context, execID string, forget func()) error {
	_, err := n.task.Delete(ctx, &taskapi.DeleteRequest{ID: n.id, ExecID: execID})
	if err == nil {
		forget()
	}
	return errgrpc.ToNative(err)
}

// execute runs a process to its end, which comes with that of ctx at the latest. Not whole: something holds its output open.
func (n *run) execute(ctx context.Context, execID string, p *pipes, spec ExecSpec) (code int, whole bool, err error) {
	always := inNamespace(context.WithoutCancel(ctx))
	if _, err := n.task.Start(always, &taskapi.StartRequest{ID: n.id, ExecID: execID}); err != nil {
		return 0, true, commandError(spec.Args[0], fromShim(err))
	}
	during, stop := context.WithCancel(always)
	defer stop()
	go n.attend(during, execID, spec.Attachment, p.input.ended)
	defer context.AfterFunc(ctx, func() { n.killExec(always, execID) })()
	ended, err := n.task.Wait(always, &taskapi.WaitRequest{ID: n.id, ExecID: execID})
	if err != nil {
		return 0, true, fromShim(err)
	}
	cause := context.Cause(ctx) // of the end; what comes later only cuts off its output
	if spec.EndChildren {
		defer time.AfterFunc(lull, func() { n.endChildren(always, execID) }).Stop()
	}
	whole = p.drain(ctx)
	return int(ended.ExitStatus), whole, cause
}

// mark is the variable that a process has whose children end with it, and so they have it too.
func mark(execID string) string { return "SEAWORTHY_EXEC=" + execID }

// lull is what a process that has ended is given to have written all: its children hold its output open otherwise.
const lull = 20 * time.Millisecond

// endChildren ends what a marked process has left behind in the replica.
func (n *run) endChildren(ctx context.Context, execID string) {
	all, err := n.task.Pids(ctx, &taskapi.PidsRequest{ID: n.id})
	if err != nil {
		return // the replica has ended, and all that was in it
	}
	for _, p := range all.Processes {
		env, err := os.ReadFile(fmt.Sprintf("/proc/%d/environ", p.Pid))
		if err == nil && slices.Contains(strings.Split(string(env), "\x00"), mark(execID)) {
			_ = unix.Kill(int(p.Pid), unix.SIGKILL) // it may have ended
		}
	}
}

// killExec ends a process and its children: it has a session of its own. It may have ended meanwhile.
func (n *run) killExec(ctx context.Context, execID string) {
	state, err := n.task.State(ctx, &taskapi.StateRequest{ID: n.id, ExecID: execID})
	if err == nil && state.Status == tasktypes.Status_RUNNING {
		killGroup(groupOf(int(state.Pid)))
	}
	_, _ = n.task.Kill(ctx, &taskapi.KillRequest{ID: n.id, ExecID: execID, Signal: uint32(unix.SIGKILL)})
}

// execsDir is the folder, in a replica's directory, that has a file for each process that is run in it.
const execsDir = "execs"

// rememberExec writes down that a process is about to run, so that the next engine finds it if this one is killed.
func (r *Runtime) rememberExec(id, execID string) (forget func(), err error) {
	dir := filepath.Join(r.dir.container(id), execsDir)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("remember process: %w", err)
	}
	path := filepath.Join(dir, execID)
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		return nil, fmt.Errorf("remember process: %w", err)
	}
	return func() { _ = os.Remove(path) }, nil // one that stays is looked for in vain
}

// forgotten is how long a process of a former engine may take to end, which has been killed.
const forgotten = 20 * time.Second

// endForgotten ends what a former engine ran in a replica: whoever wanted it has gone with that engine.
func (r *Runtime) endForgotten(c *container, n *run) {
	dir := filepath.Join(c.dir, execsDir)
	entries, _ := os.ReadDir(dir) // none: nothing was run
	if len(entries) > 0 {
		n.killGuests(inNamespace(r.closing)) // before anybody can run anything new
	}
	for _, e := range entries {
		r.waiters.Go(func() {
			ctx, cancel := context.WithTimeout(inNamespace(r.closing), forgotten)
			defer cancel()
			n.killExec(ctx, e.Name())
			_, _ = n.task.Wait(ctx, &taskapi.WaitRequest{ID: n.id, ExecID: e.Name()})
			_, _ = n.task.Delete(ctx, &taskapi.DeleteRequest{ID: n.id, ExecID: e.Name()})
			_ = os.Remove(filepath.Join(dir, e.Name()))
		})
	}
}

// killGuests ends what was run in the replica beside its own process, with its children. A start that was cut with its engine
// may have left a process that the shim does not know of; like the others it has its parent outside of the replica.
func (n *run) killGuests(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	own, err := n.task.Connect(ctx, &taskapi.ConnectRequest{ID: n.id})
	if err != nil {
		return // it has ended, and all that was in it
	}
	all, err := n.task.Pids(ctx, &taskapi.PidsRequest{ID: n.id})
	if err != nil {
		return
	}
	inside := map[int]bool{}
	for _, p := range all.Processes {
		inside[int(p.Pid)] = true
	}
	for pid := range inside {
		if parent := parentOf(pid); pid != int(own.TaskPid) && parent > 0 && !inside[parent] {
			killGroup(groupOf(pid))
		}
	}
}

// groupOf is the process group of what was run in a replica, 0 of one that is gone. runc makes the process its leader, with crun
// the leader is one that has ended.
func groupOf(pid int) int {
	group, err := unix.Getpgid(pid)
	if err != nil {
		return 0
	}
	if starter, err := unix.Getpgid(parentOf(pid)); err != nil || starter == group {
		return 0 // it has no session of its own yet
	}
	return group
}

func killGroup(group int) {
	if group > 1 { // others would be everybody
		_ = unix.Kill(-group, unix.SIGKILL) // there may be nobody left in it
	}
}

// parentOf is the parent of a process, 0 of one that is gone.
func parentOf(pid int) int {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0
	}
	fields := strings.Fields(string(stat[bytes.LastIndexByte(stat, ')')+1:])) // behind the name: state, parent, …
	if len(fields) < 2 {
		return 0
	}
	parent, err := strconv.Atoi(fields[1])
	if err != nil {
		return 0
	}
	return parent
}
