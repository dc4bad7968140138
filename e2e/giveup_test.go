package e2e

import (
	"strings"
	"syscall"
	"testing"

	"github.com/seaworthyhq/seaworthy/internal/event"
	"github.com/seaworthyhq/seaworthy/internal/release"
)

// patientPair is pairOfReplicas with a version that nobody gives up before a minute has passed.
var patientPair = strings.Replace(pairOfReplicas, "retries: 2}", "retries: 2, start_period: 1m}", 1)

// says finds a message with this text or hint.
func says(text string) func(event.Event) bool {
	return func(e event.Event) bool {
		return e.Type == event.TypeMessage && strings.Contains(e.Message.Text+"\n"+e.Message.Hint, text)
	}
}

// wasGivenUp checks how the call of the deployment ended that was given up, and what is on record of it.
func (s *site) wasGivenUp(c *call) {
	s.t.Helper()
	if r := c.ends(6); !strings.Contains(r.out, "was given up by") {
		s.t.Errorf("it does not say why it ended:\n%s%s", r.out, r.err)
	}
	s.givenUpOnRecord()
}

func (s *site) givenUpOnRecord() {
	s.t.Helper()
	var entries []struct{ Kind, Subject, Actor string }
	s.readJSON(&entries, "ledger", "-e", "shop/local", "-n", "0")
	for _, d := range s.deployments() {
		if d.Result != release.Cancelled || !strings.Contains(d.Error, "was given up by") {
			continue
		}
		for _, e := range entries {
			if e.Kind == "deployment-given-up" && e.Subject == d.Name() && strings.Contains(d.Error, e.Actor) {
				return
			}
		}
	}
	s.t.Errorf("it is not on record by whom the deployment was given up:\n%+v\n%+v", s.deployments(), entries)
}

func TestAFirstDeploymentThatIsGivenUpLeavesNothing(t *testing.T) {
	t.Parallel()
	s := newAppSite(t, strings.Replace(patientPair, `VERSION: "1"`, `VERSION: "1", SICK: "yes"`, 1))
	first := s.start("up")
	first.until("it waits", reaches("rollout:await", event.Started))
	if out := s.run(0, "rollback"); !strings.Contains(out, "nothing serves") {
		t.Errorf("it does not say what serves:\n%s", out)
	}
	s.wasGivenUp(first)
	if left := s.engine().Replicas; left != 0 {
		t.Errorf("%d replicas are left", left)
	}
	s.refused(0, []string{"rollback"}, "nothing serves")
}

func TestADeploymentThatWaitsCanBeGivenUp(t *testing.T) {
	t.Parallel()
	s := newAppSite(t, patientPair)
	s.up(0)
	load := s.load("version")
	s.setEnvironment(`VERSION: "1"`, `VERSION: "2", SICK: "yes"`)
	sick := s.start("up")
	sick.until("it waits", reaches("rollout:await", event.Started))

	s.setEnvironment(`VERSION: "2", SICK: "yes"`, `VERSION: "3"`)
	next := s.start("up")
	next.until("the other one is told how to get its turn", says("gives that one up"))

	s.refused(0, []string{"status"}, "under way: local#2", "gives it up")
	s.refused(0, []string{"rollback", "--plan"}, "local#2", "would be given up", "remove")
	s.refused(0, []string{"rollback"}, "giving up local#2", "of local#1 serves")
	s.wasGivenUp(sick)
	next.ends(0)
	s.serves("3")
	s.noneFailed(load)
	if held := s.status().Held; held != "" {
		t.Errorf("the environment is held: %s", held)
	}
}

func TestARollbackThatWaitsMakesWayForAnother(t *testing.T) {
	t.Parallel()
	s := newAppSite(t, patientPair)
	s.up(0)
	s.setEnvironment(`VERSION: "1"`, `VERSION: "2"`)
	s.up(0)
	s.setEnvironment(`VERSION: "2"`, `VERSION: "3", SICK: "yes"`)
	s.run(0, "release")
	var ledger []struct{ Subject string }
	s.readJSON(&ledger, "ledger", "-n", "1")
	sick := s.start("rollback", ledger[0].Subject)
	sick.until("it waits", reaches("rollout:await", event.Started))
	s.run(0, "rollback", "local#1")
	s.wasGivenUp(sick)
	s.serves("1")
}

func TestADeploymentThatIsWatchedCanBeGivenUp(t *testing.T) {
	t.Parallel()
	s := newAppSite(t, strings.Replace(pairOfReplicas, "update_config: {}", "update_config: {monitor: 10m}, rollback_config: {parallelism: 1, delay: 500ms}", 1))
	s.edit("compose.yaml", "monitor: 10m", "monitor: 100ms")
	s.up(0)
	s.edit("compose.yaml", "monitor: 100ms", "monitor: 10m")
	load := s.load("version")
	s.setEnvironment(`VERSION: "1"`, `VERSION: "2"`)
	s.untouched("web", func() {
		watched := s.start("up")
		watched.until("traffic has moved", reaches("rollout:move traffic", event.Done))
		s.serves("2")
		s.run(0, "rollback")
		s.wasGivenUp(watched)
	})
	s.serves("1")
	s.refused(0, []string{"rollback"}, "local#2 was cancelled", "of local#1 serves", "rollback RELEASE") // run again, it is done

	t.Run("a rollback is not taken back by another one", func(t *testing.T) {
		s.edit("compose.yaml", "monitor: 10m", "monitor: 100ms")
		s.up(0)
		s.serves("2")
		back := s.start("rollback")
		back.until("it is under way", deploying)
		s.refused(0, []string{"rollback"}, "waiting for local#4", "serves")
		back.ends(0)
		s.serves("1")
	})
	s.noneFailed(load)
}

func TestADeploymentThatStoppedTheOldReplicaGivesItBack(t *testing.T) {
	t.Parallel()
	s := newAppSite(t, strings.Replace(volumeWriter, "retries: 2, timeout: 10s", "retries: 2, start_period: 1m", 1))
	s.up(0)
	load := s.load("version") // held while nobody answers
	s.setEnvironment(`VERSION: "1"`, `VERSION: "2", SICK: "yes"`)
	sick := s.start("up")
	sick.until("the new one waits", reaches("rollout:await", event.Started))
	s.run(0, "rollback")
	s.wasGivenUp(sick)
	s.serves("1")
	s.noneFailed(load)
}

func TestADeploymentThatIsGivenUpStaysSoWhenTheEngineIsKilled(t *testing.T) {
	t.Parallel()
	compose := strings.Replace(patientPair, "stop_grace_period: 1s", "stop_signal: SIGWINCH\n    stop_grace_period: 2s", 1) // it takes its time to stop
	s := newAppSite(t, compose)
	s.up(0)
	load := s.load("version")
	s.setEnvironment(`VERSION: "1"`, `VERSION: "2", SICK: "yes"`)

	t.Run("on the way back", func(t *testing.T) {
		sick := s.start("up")
		sick.until("it waits", reaches("rollout:await", event.Started))
		back := s.start("rollback")
		sick.until("it goes back", reaches("rollout:stop", event.Started))
		s.killEngine()
		sick.ends(10)
		back.ends(10)
		s.eventually("the next engine has gone back", func() bool { return s.lastResult() == release.Cancelled })
		s.givenUpOnRecord()
		s.whole(2)
	})
	t.Run("before", func(t *testing.T) {
		sick := s.start("up")
		sick.until("it waits", reaches("rollout:await", event.Started))
		sick.signal(syscall.SIGINT)
		if r := sick.ends(130); !strings.Contains(r.out, "seaworthy rollback -e shop/local gives it up") {
			t.Errorf("who interrupts it is not told how to give it up:\n%s%s", r.out, r.err)
		}
		s.killEngine()
		s.refused(0, []string{"rollback"}, "giving up local#3", "of local#1 serves") // the next engine has gone on with it
		s.lastEnded(release.Cancelled)
		s.whole(2)
	})
	s.serves("1")
	s.noneFailed(load)
}
