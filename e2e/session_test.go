package e2e

import (
	"bytes"
	"fmt"
	"os/exec"
	"strings"
	"sync"
	"testing"
)

// session is a call of Seaworthy that goes on while the test looks at what it writes.
type session struct {
	t    *testing.T
	cmd  *exec.Cmd
	out  buffer
	done chan struct{} // closed when it has ended
}

// session starts a call, which is ended with the test at the latest.
func (s *site) session(cmd *exec.Cmd) *session {
	s.t.Helper()
	c := &session{t: s.t, cmd: cmd, done: make(chan struct{})}
	cmd.Stdout, cmd.Stderr = &c.out, &c.out
	c.begin(func() {}) // the end of a call is known when its output has been read
	return c
}

// begin starts the call; settled returns, when the call has ended, as soon as all that it wrote is in out.
func (c *session) begin(settled func()) {
	c.t.Helper()
	if err := c.cmd.Start(); err != nil {
		c.t.Fatal(err)
	}
	go func() {
		_ = c.cmd.Wait() // whoever wants to know asks ends
		settled()
		close(c.done)
	}()
	c.t.Cleanup(func() {
		_ = c.cmd.Process.Kill() // it may have ended
		<-c.done
	})
}

// started starts a call and returns when it has written that.
func (s *site) started(cmd *exec.Cmd, text string) *session {
	s.t.Helper()
	c := s.session(cmd)
	c.shows(text)
	return c
}

// shows waits until the call has written that.
func (c *session) shows(text string) {
	c.t.Helper()
	(&site{t: c.t}).eventually(fmt.Sprintf("%v shows %q", c.cmd.Args, text), func() bool {
		ended := c.hasEnded() // asked first, so that nothing is missed
		if strings.Contains(c.out.String(), text) {
			return true
		}
		if ended {
			c.t.Fatalf("%v ended and did not show %q:\n%s", c.cmd.Args, text, c.out.String())
		}
		return false
	})
}

// ends waits for the end of the call and returns its exit code.
func (c *session) ends() int {
	c.t.Helper()
	(&site{t: c.t}).eventually(fmt.Sprintf("%v ends", c.cmd.Args), c.hasEnded)
	return c.cmd.ProcessState.ExitCode()
}

func (c *session) hasEnded() bool {
	select {
	case <-c.done:
		return true
	default:
		return false
	}
}

// buffer is written to while it is read.
type buffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}
