package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/seaworthyhq/seaworthy/internal/api"
	"github.com/seaworthyhq/seaworthy/internal/event"
	"github.com/seaworthyhq/seaworthy/internal/release"
)

// startLimit is how long an engine may take to answer before its start counts as failed.
const startLimit = 30 * time.Second

// starterFlag has the number of a file that an engine writes to why it could not start.
const starterFlag = "starter"

// startEngine starts an engine that outlives this process, and waits until it answers. Another call may be starting one at
// the same time, or stopping one: the root's lock lets one engine through, and that one serves all.
func (a *app) startEngine(ctx context.Context, client *api.Client) error {
	if err := needRoot("start the engine, and none is running"); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeoutCause(ctx, startLimit, fmt.Errorf("it did not answer within %s", startLimit))
	defer cancel()
	for {
		err := a.startOnce(ctx, client)
		if release.KindOf(err) != release.KindConflict {
			return err
		}
		select {
		case <-ctx.Done():
			return err
		case <-time.After(50 * time.Millisecond):
		}
		if client.Reach(ctx) == nil {
			return nil
		}
	}
}

func (a *app) startOnce(ctx context.Context, client *api.Client) error {
	if a.installed() { // one beside it would keep it from starting
		if err := a.startInstalled(ctx, "start"); err != nil {
			return err
		}
		return client.WaitReady(ctx)
	}
	settings, err := settingsFile(os.Getenv(namedSettings)) // the engine will not stand where this process does
	if err != nil {
		return err
	}
	if err := os.MkdirAll(a.root, 0o711); err != nil {
		return &release.UserError{
			Kind: release.KindEngine, Err: fmt.Errorf("make state root: %w", err), Hint: "name another one: --root DIR or SEAWORTHY_ROOT",
		}
	}
	engine, err := a.spawnEngine(settings)
	if err != nil {
		return fmt.Errorf("start engine: %w", err)
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	go func() { cancel(engine.wait()) }() // ends with this process at the latest
	if err := client.WaitReady(ctx); err != nil {
		return engine.explain(err)
	}
	return nil
}

// spawned is an engine that this process has started.
type spawned struct {
	cmd      *exec.Cmd
	root     string
	settings string // as a flag
	log      string // path
	begin    int64  // of what it writes there
	reason   *os.File
}

func (a *app) spawnEngine(settings string) (*spawned, error) {
	binary, err := os.Executable()
	if err != nil {
		return nil, err
	}
	log, err := os.OpenFile(filepath.Join(a.root, "engine.log"), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return nil, err
	}
	defer log.Close()
	begin, err := log.Seek(0, io.SeekEnd)
	if err != nil {
		return nil, err
	}
	reason, tell, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	defer tell.Close()
	root, err := filepath.Abs(a.root)
	if err != nil {
		return nil, err
	}
	named := ""
	args := []string{binary, "engine", "run", "--root", root, "--" + starterFlag, "3"}
	if settings != "" {
		args = append(args, "--config", settings)
		named = " --config " + settings
	}
	if a.engineParts.SystemdRuns() { // else it would end, edge and shims with it, when the service that this process belongs to does
		args = append([]string{"systemd-run", "--quiet", "--collect", "--scope", "--"}, args...)
	}
	cmd := exec.Command(args[0], args[1:]...)
	cmd.Dir = "/"
	cmd.Env = engineEnvironment(os.Environ())
	cmd.Stdout, cmd.Stderr = log, log
	cmd.ExtraFiles = []*os.File{tell} // the first is number 3
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if err := cmd.Start(); err != nil {
		return nil, errors.Join(err, reason.Close())
	}
	return &spawned{cmd: cmd, root: a.root, settings: named, log: log.Name(), begin: begin, reason: reason}, nil
}

// wait returns why the engine has ended, in its own words where it found any.
func (s *spawned) wait() error {
	err := s.cmd.Wait()
	var said event.Error
	if json.NewDecoder(s.reason).Decode(&said) == nil {
		return said.Err()
	}
	if err == nil {
		return errors.New("it ended at once")
	}
	return err
}

// explain makes err, which kept the engine from answering, one that says where to look.
func (s *spawned) explain(err error) error {
	if user, ok := errors.AsType[*release.UserError](err); ok {
		return user
	}
	return &release.UserError{
		Kind:   release.KindEngine,
		Err:    fmt.Errorf("start engine: %w", err),
		Detail: logSince(s.log, s.begin),
		Hint:   "seaworthy engine run --root " + s.root + s.settings + " shows more",
	}
}

// tellStarter returns what tells the process that started this engine why it ended; 0 is nobody.
func tellStarter(fd int) func(error) {
	if fd == 0 {
		return func(error) {}
	}
	unix.CloseOnExec(fd) // it is not for what the engine starts
	starter := os.NewFile(uintptr(fd), "starter "+strconv.Itoa(fd))
	return func(err error) {
		if said := event.NewError(err); said != nil {
			_ = json.NewEncoder(starter).Encode(said) // nobody listens any more once the engine has answered
		}
		_ = starter.Close()
	}
}

// stopEngine ends the engine and returns when it has given the state root free.
func stopEngine(ctx context.Context, client *api.Client) error {
	info, err := client.Engine(ctx)
	if err != nil {
		return err
	}
	process, err := unix.PidfdOpen(info.PID, 0)
	if err != nil {
		return fmt.Errorf("watch engine %d: %w", info.PID, err)
	}
	defer unix.Close(process)
	if err := client.StopEngine(ctx); err != nil {
		return err
	}
	for {
		n, err := unix.Poll([]unix.PollFd{{Fd: int32(process), Events: unix.POLLIN}}, 100)
		switch {
		case ctx.Err() != nil:
			return context.Cause(ctx)
		case err != nil && !errors.Is(err, unix.EINTR):
			return fmt.Errorf("wait for engine %d: %w", info.PID, err)
		case n > 0:
			return nil
		}
	}
}

func logSince(path string, offset int64) string {
	f, err := os.Open(path)
	if err != nil {
		return ""
	}
	defer f.Close()
	b, err := io.ReadAll(io.NewSectionReader(f, offset, 1<<20))
	if err != nil {
		return ""
	}
	all := strings.Split(strings.TrimSpace(string(b)), "\n")
	return strings.Join(all[max(0, len(all)-20):], "\n")
}
