package e2e

import (
	"strings"
	"syscall"
	"testing"

	"github.com/seaworthyhq/seaworthy/internal/event"
	"github.com/seaworthyhq/seaworthy/internal/release"
)

// saysAfterCtrlC interrupts a call, which has to say what becomes of what it asked for.
func (s *site) saysAfterCtrlC(c *call, words string) {
	s.t.Helper()
	c.signal(syscall.SIGINT)
	if r := c.ends(130); !strings.Contains(r.out, words) {
		s.t.Errorf("it does not say %q:\n%s%s", words, r.out, r.err)
	}
}

// begins finds what the engine says it does whatever becomes of the call.
func begins(e event.Event) bool { return e.Type == event.TypeMessage && e.Message.Begun }

func TestCtrlCSaysWhatBecomesOfWhatWasAskedFor(t *testing.T) {
	t.Parallel()
	s := newAppSite(t, strings.Replace(patientPair, "stop_grace_period: 1s", "stop_signal: SIGWINCH\n    stop_grace_period: 2s", 1)) // it takes its time to stop
	s.up(0)
	const finishes = "the engine finishes what it has begun: seaworthy status -e shop/local shows how far it is"

	t.Run("of a restart that waits", func(t *testing.T) {
		s.setEnvironment(`VERSION: "1"`, `VERSION: "2", SICK: "yes"`)
		sick := s.start("up")
		sick.until("it waits for a replica", reaches("rollout:await", event.Started))
		s.untouched("web", func() {
			restart := s.start("restart")
			restart.until("it waits for its turn", waits)
			s.saysAfterCtrlC(restart, "is withdrawn: what runs stays as it is")
			back := s.start("rollback")
			back.until("it gives up what is under way", begins)
			s.saysAfterCtrlC(back, finishes)
			s.wasGivenUp(sick)
		})
	})
	t.Run("of a rollback that gave something up for its turn", func(t *testing.T) {
		sick := s.start("up")
		sick.until("it waits for a replica", reaches("rollout:await", event.Started))
		back := s.start("rollback", "local#1")
		back.until("it waits for its turn", waits)
		s.saysAfterCtrlC(back, "is withdrawn; what it gave up stays given up: seaworthy status -e shop/local shows what serves")
		s.wasGivenUp(sick)
		if held := s.status().Held; held != "" {
			t.Errorf("what was withdrawn holds: %s", held)
		}
	})
	t.Run("of a restart under way", func(t *testing.T) {
		before := s.replicas("web")
		restart := s.start("restart")
		restart.until("it stops a replica", reaches("rollout:stop", event.Started))
		s.saysAfterCtrlC(restart, finishes)
		s.refused(0, []string{"status"}, "under way: restart by ")
		s.eventually("the engine finishes it", func() bool { return !strings.Contains(s.run(0, "status"), "under way") })
		for i, now := range s.replicas("web") {
			if now.Started == before[i].Started {
				t.Errorf("web %d was not restarted", now.Index)
			}
		}
	})
	t.Run("of a down", func(t *testing.T) {
		down := s.start("down")
		down.until("it stops a replica", reaches("rollout:stop", event.Started))
		s.saysAfterCtrlC(down, finishes)
		s.eventually("the engine finishes it", func() bool { return s.lastResult() == release.Succeeded })
	})
}
