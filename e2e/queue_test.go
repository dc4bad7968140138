package e2e

import (
	"strings"
	"syscall"
	"testing"

	"github.com/seaworthyhq/seaworthy/internal/event"
)

func waits(e event.Event) bool { return e.Type == event.TypeMessage && e.Message.Waiting }

func TestWhatWaitsForItsTurnIsWithdrawnWithItsCall(t *testing.T) {
	t.Parallel()
	s := newAppSite(t, patientPair)
	s.up(0)
	s.setEnvironment(`VERSION: "1"`, `VERSION: "2", SICK: "yes"`)
	sick := s.start("up")
	sick.until("it waits for a replica", reaches("rollout:await", event.Started))
	s.setEnvironment(`VERSION: "2", SICK: "yes"`, `VERSION: "3"`)

	next := s.start("up")
	next.until("it waits for its turn", waits)
	killed := s.start("scale", "web=3")
	if e := killed.until("it waits, too", waits); !strings.Contains(e.Message.Text, "waiting for up of r-") || !strings.Contains(e.Message.Text, ", then up of r-") {
		t.Errorf("it waits for others than were there first: %s", e.Message.Text)
	}
	s.refused(0, []string{"status"}, "under way: local#2", "then: up of r-", "then: scale of r-")
	if r := s.try("engine", "status"); !strings.Contains(r.out, "busy: shop/local: up of r-") {
		t.Errorf("engine status: %s", r.out)
	}

	s.kill(killed.cmd.Process.Pid)
	next.signal(syscall.SIGINT)
	if r := next.ends(130); !strings.Contains(r.out, "withdrawn") || strings.Contains(r.out, "finishes what it has begun") {
		t.Errorf("it does not say what becomes of it:\n%s%s", r.out, r.err)
	}
	s.eventually("nobody waits", func() bool { return !strings.Contains(s.run(0, "status"), "then:") })

	last := s.start("up")
	last.until("who comes later waits", waits)
	s.run(0, "rollback")
	s.wasGivenUp(sick)
	last.ends(0)
	s.serves("3")
	if all := s.deployments(); len(all) != 3 {
		t.Errorf("what was withdrawn was deployed: %+v", all)
	}
}

func TestARollbackGoesBeforeWhatWaits(t *testing.T) {
	t.Parallel()
	s := newAppSite(t, patientPair)
	s.up(0)
	s.setEnvironment(`VERSION: "1"`, `VERSION: "2", SICK: "yes"`)
	sick := s.start("up")
	sick.until("it waits for a replica", reaches("rollout:await", event.Started))
	s.setEnvironment(`VERSION: "2", SICK: "yes"`, `VERSION: "3"`)
	next := s.start("up")
	next.until("it waits for its turn", waits)
	s.refused(0, []string{"rollback", "local#1"}, "giving up local#2", "held at r-")
	s.wasGivenUp(sick)
	if r := next.ends(7); !strings.Contains(r.out, "is held: rolled back to r-") {
		t.Errorf("it does not say what is in its way:\n%s%s", r.out, r.err)
	}
	s.serves("1")
}
