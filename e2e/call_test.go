package e2e

import (
	"bufio"
	"encoding/json"
	"io"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/seaworthyhq/seaworthy/internal/event"
	"github.com/seaworthyhq/seaworthy/internal/release"
)

// call is a verb under way, with the events that it tells.
type call struct {
	t      *testing.T
	cmd    *exec.Cmd
	events <-chan event.Event // closed at the end
	stderr *strings.Builder   // read it after the end
	seen   []event.Event
}

// start starts a verb that tells events; it is killed when the test ends before it does.
func (s *site) start(args ...string) *call {
	s.t.Helper()
	cmd := s.command(append(args, "--json")...)
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		s.t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		s.t.Fatal(err)
	}
	events := make(chan event.Event, 10000) // more than a call tells: nobody has to read them
	go func() {
		defer close(events)
		lines := bufio.NewReader(out)
		for {
			line, err := lines.ReadBytes('\n')
			var e event.Event
			if json.Unmarshal(line, &e) == nil && e.Type != "" {
				events <- e
			}
			if err != nil {
				_, _ = io.Copy(io.Discard, out)
				return
			}
		}
	}()
	s.t.Cleanup(func() {
		if cmd.ProcessState == nil {
			_ = cmd.Process.Kill()
			_ = cmd.Wait()
		}
	})
	return &call{t: s.t, cmd: cmd, events: events, stderr: &stderr}
}

// until returns when the call tells an event that is looked for.
func (c *call) until(what string, found func(event.Event) bool) event.Event {
	c.t.Helper()
	late := time.After(time.Minute)
	for {
		select {
		case e, ok := <-c.events:
			if !ok {
				c.t.Fatalf("the call ended without: %s\n%s", what, c.told())
			}
			c.seen = append(c.seen, e)
			if found(e) {
				return e
			}
		case <-late:
			c.t.Fatalf("not told within a minute: %s\n%s", what, c.told())
		}
	}
}

// signal sends the call a signal.
func (c *call) signal(sig syscall.Signal) {
	c.t.Helper()
	if err := c.cmd.Process.Signal(sig); err != nil {
		c.t.Fatal(err)
	}
}

// wait returns how the call ended. Its out is what it told, for people.
func (c *call) wait() result {
	c.t.Helper()
	for e := range c.events {
		c.seen = append(c.seen, e)
	}
	_ = c.cmd.Wait() // the exit code says it
	return result{code: c.cmd.ProcessState.ExitCode(), out: c.told(), err: c.stderr.String()}
}

// ends checks the exit code of the call.
func (c *call) ends(code int) result {
	c.t.Helper()
	r := c.wait()
	if r.code != code {
		c.t.Fatalf("%v: exit code %d, want %d\n%s%s", c.cmd.Args, r.code, code, r.out, r.err)
	}
	return r
}

func (c *call) told() string {
	var b strings.Builder
	for _, e := range c.seen {
		if line, err := json.Marshal(e); err == nil {
			b.Write(append(line, '\n'))
		}
	}
	return b.String()
}

// released is the event after which the engine finishes alone.
func released(e event.Event) bool { return e.Type == event.TypeRelease }

// deploying is the event with which a deployment begins.
func deploying(e event.Event) bool {
	return e.Type == event.TypeDeployment && e.Deployment.Result == release.Running
}

// reaches finds a step in a state by the beginning of its key.
func reaches(key string, state event.State) func(event.Event) bool {
	return func(e event.Event) bool {
		return e.Type == event.TypeStep && strings.HasPrefix(e.Step.Key, key) && e.Step.State == state
	}
}

// writes finds a line of a build's log.
func writes(line string) func(event.Event) bool {
	return func(e event.Event) bool { return e.Type == event.TypeLog && strings.Contains(e.Log.Line, line) }
}
