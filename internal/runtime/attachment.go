package runtime

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	taskapi "github.com/containerd/containerd/api/runtime/task/v3"
	"github.com/containerd/containerd/v2/pkg/cio"
	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"
)

// Attachment is the caller's side of a process: what it reads and writes, and what is done to it meanwhile.
type Attachment struct {
	TTY            bool
	Stdin          io.Reader // nil: nothing
	Stdout, Stderr io.Writer // nil: nowhere; with TTY all goes to Stdout
	// Resize gives the terminal's size, whenever it changes. May be nil. How it is at first is said with what is run.
	Resize <-chan Size
	// Signals are sent to the process. May be nil.
	Signals <-chan unix.Signal
}

// Size of a terminal, in characters. The zero Size is unknown.
type Size struct{ Width, Height uint16 }

// box is the size as runc is told, so that the process has it from its first moment.
func (s Size) box() *specs.Box {
	if s == (Size{}) {
		return nil
	}
	return &specs.Box{Width: uint(s.Width), Height: uint(s.Height)}
}

// silence is what tells that an ended process has written no more: one of its children may hold its output open for ever.
const silence = 2 * time.Second

// CommandError says that a command could not be run at all. Code is what shells report of that.
type CommandError struct {
	Code int
	Err  error
}

func (e *CommandError) Error() string { return e.Err.Error() }
func (e *CommandError) Unwrap() error { return e.Err }

// The exit codes of shells for a command that could not be run.
const (
	codeNotRunnable = 126
	codeNotFound    = 127
)

// refusals are what runc and crun say, in words only, when it is the command's fault: the command, where they name it, and why.
var refusals = []*regexp.Regexp{
	regexp.MustCompile(`exec:? ("[^"]*"|/\S*): (?:stat [^:]*: )?(executable file not found|no such file or directory|permission denied|is a directory|exec format error)`),
	regexp.MustCompile("executable file `([^`]*)` (not found)"),
	regexp.MustCompile("exec container process (?:[^`]*)`([^`]*)`: (.+)"),
	regexp.MustCompile(`open ()executable: (Permission denied|Operation not permitted|Is a directory)`),
}

// refusedFolder is what they say when it is the fault of the folder that the command is to run in.
var refusedFolder = regexp.MustCompile("chdir (?:to cwd )?\\(?([`\"][^`\"]*[`\"])\\)?(?: set in config.json failed)?: (.+)")

// commandError recognises in what the OCI runtime says that it is the command's fault.
func commandError(command string, err error) error {
	if found := refusedFolder.FindStringSubmatch(err.Error()); found != nil {
		return refused(codeNotRunnable, "folder "+found[1], found[2])
	}
	for _, refusal := range refusals {
		found := refusal.FindStringSubmatch(err.Error())
		switch {
		case found == nil:
		case strings.HasSuffix(found[2], "not found"), strings.HasPrefix(strings.ToLower(found[2]), "no such"):
			return refused(codeNotFound, cmp.Or(found[1], command), found[2])
		default:
			return refused(codeNotRunnable, cmp.Or(found[1], command), found[2])
		}
	}
	return err
}

func refused(code int, what, why string) error {
	unquoted := strings.NewReplacer(`"`, "", "`", "").Replace(what)
	return &CommandError{Code: code, Err: fmt.Errorf("%s: %s", unquoted, strings.ToLower(why))}
}

// stdio is where a process reads from and writes to, as its shim is told.
type stdio struct {
	stdin, stdout, stderr string // paths or URIs
	terminal              bool
}

// pipes are the way between a process and its caller.
type pipes struct {
	cio.IO
	input  *ending
	output traffic
	stdio
}

// connect makes the pipes for a process named id.
func (r *Runtime) connect(id string, a Attachment) (*pipes, error) {
	p := &pipes{input: &ending{from: a.Stdin, ended: make(chan struct{})}}
	var stdin io.Reader
	if a.Stdin != nil {
		stdin = p.input
	} else if !a.TTY { // or it would get the host's /dev/null, whose owner crun changes and whose mode root can
		p.input.from, stdin = strings.NewReader(""), p.input
	}
	opts := []cio.Opt{cio.WithStreams(stdin, p.output.to(a.Stdout), p.output.to(a.Stderr)), cio.WithFIFODir(r.dir.fifos())}
	if a.TTY {
		opts = append(opts, cio.WithTerminal)
	}
	made, err := cio.NewCreator(opts...)(id)
	if err != nil {
		return nil, fmt.Errorf("connect to process: %w", err)
	}
	paths := made.Config()
	p.IO, p.stdio = made, stdio{stdin: paths.Stdin, stdout: paths.Stdout, stderr: paths.Stderr, terminal: a.TTY}
	return p, nil
}

// drain waits until the caller has what an ended process wrote, however slowly it is taken, and reports whether that was all. What
// is held open in silence is given up, and so is a caller who has gone.
func (p *pipes) drain(ctx context.Context) (whole bool) {
	read := make(chan struct{})
	go func() { p.Wait(); close(read) }()
	for {
		before := p.output.begun.Load()
		select {
		case <-read:
			return true
		case <-time.After(silence):
		}
		ended := p.output.ended.Load() // asked before begun: the caller may take something in between
		if ctx.Err() != nil || min(before, ended) == p.output.begun.Load() {
			return false
		}
	}
}

// traffic counts the writes to a caller.
type traffic struct{ begun, ended atomic.Int64 }

func (t *traffic) to(w io.Writer) io.Writer {
	if w == nil {
		return io.Discard
	}
	return counted{w, t}
}

type counted struct {
	io.Writer
	*traffic
}

func (c counted) Write(p []byte) (int, error) {
	c.begun.Add(1)
	defer c.ended.Add(1)
	return c.Writer.Write(p)
}

func (p *pipes) close() {
	p.Cancel()
	_ = p.Close() // of pipes that are read to their end
}

// attend passes sizes, signals and the end of the input on to a process until ctx ends. An empty execID is the replica's own.
// What is not taken is no error: the process may have ended.
func (n *run) attend(ctx context.Context, execID string, a Attachment, inputEnded <-chan struct{}) {
	for {
		select {
		case <-ctx.Done():
			return
		case size := <-a.Resize:
			_, _ = n.task.ResizePty(ctx, &taskapi.ResizePtyRequest{
				ID: n.id, ExecID: execID, Width: uint32(size.Width), Height: uint32(size.Height),
			})
		case sig := <-a.Signals:
			_, _ = n.task.Kill(ctx, &taskapi.KillRequest{ID: n.id, ExecID: execID, Signal: uint32(sig)})
		case <-inputEnded:
			inputEnded = nil
			_, _ = n.task.CloseIO(ctx, &taskapi.CloseIORequest{ID: n.id, ExecID: execID, Stdin: true}) // the shim keeps it open
		}
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
