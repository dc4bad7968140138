package edge

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"

	"github.com/seaworthyhq/seaworthy/internal/release"
)

// Launch says how the edge's process is started: Binary Args… --dir Dir --version Version. Binary should be a copy that is
// not replaced by an upgrade.
type Launch struct {
	Binary  string
	Args    []string // what makes the binary an edge, such as "edge"
	Dir     string
	Version string
}

// startTime is how long a started edge has until it answers.
const startTime = 10 * time.Second

// Ensure returns a client of a running edge of the wanted version: the one there is, a new one, or one that the running one
// of another version has handed over to.
func (l Launch) Ensure(ctx context.Context) (*Client, Status, error) {
	c := NewClient(l.Dir)
	if s, err := l.running(ctx); err == nil && s.Version == l.Version {
		return c, s, nil
	}
	s, err := l.start(ctx)
	return c, s, err
}

func (l Launch) running(ctx context.Context) (Status, error) {
	return NewClientAt(SocketPath(l.Dir)).Status(ctx)
}

// start starts a process of its own session, so that nothing that ends us ends it, and waits until it is in office.
func (l Launch) start(ctx context.Context) (Status, error) {
	if err := os.MkdirAll(l.Dir, 0o700); err != nil {
		return Status{}, fmt.Errorf("start edge: %w", err)
	}
	out, err := os.OpenFile(l.LogPath(), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return Status{}, fmt.Errorf("start edge: %w", err)
	}
	defer out.Close()
	cmd := exec.Command(l.Binary, append(append([]string{}, l.Args...), "--dir", l.Dir, "--version", l.Version)...)
	cmd.Stdout, cmd.Stderr, cmd.Dir = out, out, "/"
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if err := cmd.Start(); err != nil {
		return Status{}, fmt.Errorf("start edge: %w", err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }() // lives as long as the process: it reaps it
	// Once begun it is waited for, whatever ctx says: whoever stops the edge then finds one to stop.
	return l.awaitOffice(context.WithoutCancel(ctx), cmd.Process.Pid, ended)
}

func (l Launch) awaitOffice(ctx context.Context, pid int, ended <-chan error) (Status, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, startTime, errors.New("it does not answer"))
	defer cancel()
	for {
		s, err := l.running(ctx)
		if err == nil && s.PID == pid {
			return s, nil
		}
		select {
		case err := <-ended:
			return Status{}, l.failed(err)
		case <-ctx.Done():
			return Status{}, l.failed(context.Cause(ctx))
		case <-time.After(2 * time.Millisecond):
		}
	}
}

// LogPath is where the edge's process writes what it has to say.
func (l Launch) LogPath() string { return filepath.Join(l.Dir, "edge.log") }

func (l Launch) failed(err error) error {
	if err == nil {
		err = errors.New("it ended at once")
	}
	return &release.UserError{
		Kind:   release.KindEngine,
		Err:    fmt.Errorf("start edge: %w", err),
		Hint:   "see " + l.LogPath(),
		Detail: lastLines(l.LogPath()),
	}
}

// lastLines is the end of a log.
func lastLines(path string) string {
	f, err := os.Open(path)
	if err != nil {
		return ""
	}
	defer f.Close()
	if info, err := f.Stat(); err == nil && info.Size() > 1024 {
		f.Seek(-1024, io.SeekEnd) //nolint:errcheck // then it is the whole
	}
	b, _ := io.ReadAll(f)
	return string(bytes.TrimSpace(b))
}
