package api

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"

	"github.com/seaworthyhq/seaworthy/internal/event"
	"github.com/seaworthyhq/seaworthy/internal/release"
)

// ExecProtocol is what an exec connection is switched to: frames of one byte for the stream, four for the length (big endian)
// and the payload.
const ExecProtocol = "seaworthy-exec/1"

// The streams of an exec connection. An empty frame of stdin says that it ended.
const (
	frameStdin byte = iota // one at a time: the next is sent when frameTaken says so, and what else is sent comes through
	frameStdout
	frameStderr
	frameResize // JSON of winSize
	frameExit   // JSON of execExit; the last frame
	frameTaken  // the command has read the last frame of stdin; empty
	frameSignal // name of a signal for the command
)

const maxFrame = 1 << 20

type winSize struct{ Width, Height int }

type execExit struct {
	Code  int          `json:"code"`
	Error *event.Error `json:"error,omitempty"`
}

// FrameConn is one side of an exec connection. Writes may come from several goroutines.
type FrameConn struct {
	conn net.Conn
	mu   sync.Mutex // guards writes
}

// NewFrameConn speaks frames on a connection that was switched to ExecProtocol.
func NewFrameConn(conn net.Conn) *FrameConn { return &FrameConn{conn: conn} }

// Close closes the connection.
func (c *FrameConn) Close() error { return c.conn.Close() }

func (c *FrameConn) write(stream byte, p []byte) error {
	head := [5]byte{0: stream}
	binary.BigEndian.PutUint32(head[1:], uint32(len(p)))
	buffers := net.Buffers{head[:], p}
	c.mu.Lock()
	defer c.mu.Unlock()
	_, err := buffers.WriteTo(c.conn)
	return err
}

func (c *FrameConn) writeJSON(stream byte, v any) error {
	b, err := json.Marshal(v)
	if err != nil {
		return err
	}
	return c.write(stream, b)
}

func (c *FrameConn) read() (byte, []byte, error) {
	var head [5]byte
	if _, err := io.ReadFull(c.conn, head[:]); err != nil {
		return 0, nil, err
	}
	n := binary.BigEndian.Uint32(head[1:])
	if n > maxFrame {
		return 0, nil, fmt.Errorf("frame of %d bytes is too long", n)
	}
	p := make([]byte, n)
	_, err := io.ReadFull(c.conn, p)
	return head[0], p, err
}

// Stdout is where the command's output goes, as frames.
func (c *FrameConn) Stdout() io.Writer { return frameWriter{c, frameStdout} }

// Stderr is where the command's errors go, as frames.
func (c *FrameConn) Stderr() io.Writer { return frameWriter{c, frameStderr} }

type frameWriter struct {
	conn   *FrameConn
	stream byte
}

func (w frameWriter) Write(p []byte) (int, error) {
	written := 0
	for len(p) > 0 {
		n := min(len(p), maxFrame)
		if err := w.conn.write(w.stream, p[:n]); err != nil {
			return written, err
		}
		written += n
		p = p[n:]
	}
	return written, nil
}

// Incoming takes what a client sends to its command.
type Incoming struct {
	Stdin  io.WriteCloser // closed at the end of the input
	Resize func(width, height int)
	Signal func(name string)
}

// Receive is the engine's side: it hands on what the client sends, until the client is gone. A command that does not read its
// input holds up nothing else.
func (c *FrameConn) Receive(in Incoming) error {
	input := make(chan []byte, 1)
	defer close(input)
	go c.feed(in.Stdin, input)
	for {
		stream, p, err := c.read()
		if err != nil {
			return err
		}
		switch stream {
		case frameStdin:
			input <- p
		case frameSignal:
			in.Signal(string(p))
		case frameResize:
			var size winSize
			if json.Unmarshal(p, &size) == nil {
				in.Resize(size.Width, size.Height)
			}
		}
	}
}

// feed ends with the input, or when stdin is closed from the other side and the client gone.
func (c *FrameConn) feed(stdin io.WriteCloser, input <-chan []byte) {
	defer stdin.Close()
	for p := range input {
		if len(p) == 0 {
			_ = stdin.Close() // the command may have closed it first
		} else {
			_, _ = stdin.Write(p) // the command need not read it
		}
		_ = c.write(frameTaken, nil) // the client may be gone
	}
}

// Exit ends the engine's side with the command's exit code, or the error why there is none.
func (c *FrameConn) Exit(code int, err error) error {
	return c.writeJSON(frameExit, execExit{Code: code, Error: event.NewError(err)})
}

// ExecIO is the user's side of a command.
type ExecIO struct {
	Stdin          io.Reader // nil: none
	Stdout, Stderr io.Writer
	Resize         <-chan [2]int // width and height; nil: never
	Signals        <-chan string // by name, for the command; nil: never
}

// Exec runs a command in a replica and returns its exit code.
func (c *Client) Exec(ctx context.Context, req ExecRequest, user ExecIO) (int, error) {
	conn, err := c.upgrade(ctx, PathExec, ExecProtocol, nil, req)
	if err != nil {
		return 0, err
	}
	frames := NewFrameConn(conn)
	defer frames.Close()
	stop := context.AfterFunc(ctx, func() { _ = frames.Close() })
	defer stop()
	taken := make(chan struct{}, 1)
	if user.Stdin != nil {
		go frames.sendInput(user.Stdin, taken)
	}
	ended := make(chan struct{})
	defer close(ended)
	go frames.sendEvents(user, ended)
	return frames.output(ctx, user, taken)
}

// sendInput is not waited for: a read from a terminal cannot be interrupted.
func (c *FrameConn) sendInput(r io.Reader, taken <-chan struct{}) {
	buf := make([]byte, 32<<10)
	for {
		n, err := r.Read(buf)
		if n > 0 {
			if c.write(frameStdin, buf[:n]) != nil {
				return
			}
			<-taken
		}
		if err != nil {
			_ = c.write(frameStdin, nil)
			return
		}
	}
}

// sendEvents sends what comes besides the input. A write that fails is noticed by whoever reads.
func (c *FrameConn) sendEvents(user ExecIO, ended <-chan struct{}) {
	for {
		select {
		case <-ended:
			return
		case size := <-user.Resize:
			_ = c.writeJSON(frameResize, winSize{size[0], size[1]})
		case name := <-user.Signals:
			_ = c.write(frameSignal, []byte(name))
		}
	}
}

func (c *FrameConn) output(ctx context.Context, user ExecIO, taken chan<- struct{}) (int, error) {
	for {
		stream, p, err := c.read()
		if err != nil {
			return 0, lost(ctx, err)
		}
		switch stream {
		case frameStdout:
			_, err = user.Stdout.Write(p)
		case frameStderr:
			_, err = user.Stderr.Write(p)
		case frameTaken:
			select {
			case taken <- struct{}{}:
			default: // of the end of the input, for which nobody waits
			}
		case frameExit:
			return exitOf(p)
		}
		if err != nil {
			return 0, fmt.Errorf("write the command's output: %w", err)
		}
	}
}

func exitOf(p []byte) (int, error) {
	var exit execExit
	if err := json.Unmarshal(p, &exit); err != nil {
		return 0, &release.UserError{Kind: release.KindInternal, Err: errors.Join(errors.New("read exit of the command"), err)}
	}
	return exit.Code, exit.Error.Err()
}
