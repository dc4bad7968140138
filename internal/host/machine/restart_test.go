package machine

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/seaworthyhq/seaworthy/internal/release"
)

func TestRestartsAreGrantedAsThePolicySays(t *testing.T) {
	failed := release.Replica{State: release.StateExited, ExitKnown: true, ExitCode: 1}
	succeeded := release.Replica{State: release.StateExited, ExitKnown: true}
	unknown := release.Replica{State: release.StateExited}
	for _, c := range []struct {
		name   string
		policy release.Restart
		ended  release.Replica
		want   int // of five ends
	}{
		{"unset", release.Restart{}, succeeded, 5},
		{"always", release.Restart{Condition: "any"}, succeeded, 5},
		{"no", release.Restart{Condition: "none"}, failed, 0},
		{"on-failure, failed", release.Restart{Condition: "on-failure"}, failed, 5},
		{"on-failure, succeeded", release.Restart{Condition: "on-failure"}, succeeded, 0},
		{"on-failure, nobody saw how it ended", release.Restart{Condition: "on-failure"}, unknown, 5},
		{"on-failure:3", release.Restart{Condition: "on-failure", MaxAttempts: 3}, failed, 3},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := newRestarts(c.policy)
			got := 0
			for range 5 {
				if _, again := r.next(c.ended); again {
					got++
				}
			}
			if got != c.want {
				t.Errorf("%d restarts, want %d", got, c.want)
			}
		})
	}
}

func TestPausesBetweenRestartsGrowAndAreNeverShorterThanTheDelay(t *testing.T) {
	r := newRestarts(release.Restart{Delay: release.Duration(time.Second)})
	var last time.Duration
	for range 40 {
		pause, again := r.next(release.Replica{})
		if !again || pause < time.Second {
			t.Fatalf("pause %s, again %v", pause, again)
		}
		last = pause
	}
	if last < 10*time.Second {
		t.Errorf("after 40 ends the pause is still %s", last)
	}
}

func TestACandidateIsStartedAgainOnlyWhereItsServiceAsksForItAndNotForEver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		if _, again := candidateRestarts(release.Service{}).next(release.Replica{}); again {
			t.Error("a service that does not ask for restarts gets one")
		}
		patient := release.Service{
			Restart: release.Restart{Condition: "any"},
			Health:  &release.Health{StartPeriod: release.Duration(time.Minute)},
		}
		r := candidateRestarts(patient)
		time.Sleep(59 * time.Second)
		if _, again := r.next(release.Replica{}); !again {
			t.Error("it is not started again within its start period")
		}
		time.Sleep(2 * time.Second)
		if _, again := r.next(release.Replica{}); again {
			t.Error("it is started again after its start period")
		}
	})
}

func TestASlowStartIsNotTakenForAFailure(t *testing.T) {
	test := release.Health{Interval: release.Duration(10 * time.Second), Retries: 3, StartPeriod: release.Duration(5 * time.Second)}
	for _, c := range []struct {
		name     string
		state    release.HealthState
		failures int
		age      time.Duration
		want     bool
	}{
		{"starting, often asked in vain", release.HealthStarting, 20, 34 * time.Second, false},
		{"starting, out of time", release.HealthStarting, 21, 35 * time.Second, true},
		{"healthy, failed twice", release.HealthHealthy, 2, time.Hour, false},
		{"healthy, failed three times", release.HealthHealthy, 3, time.Hour, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := hopeless(c.state, c.failures, c.age, test); got != c.want {
				t.Errorf("hopeless: %v, want %v", got, c.want)
			}
		})
	}
}
