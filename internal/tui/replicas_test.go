package tui

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/seaworthyhq/seaworthy/internal/event"
	"github.com/seaworthyhq/seaworthy/internal/release"
)

// One that is replaced has the same name as its successor: that it ends, as it should, must not read as if that had died.
func TestPlainOutputTellsOfOldReplicasOnlyWhatIsWrong(t *testing.T) {
	var out bytes.Buffer
	r := New(Options{Out: &out, Err: &out, Mode: Plain})
	replica := func(deployment int, state release.State, health release.HealthState) {
		r.Emit(event.Event{Type: event.TypeReplica, Replica: &release.Replica{
			ID: "web-" + itoa(deployment), Service: "web", Index: 1, Deployment: deployment, State: state, Health: health, ExitKnown: true,
		}})
	}
	r.Emit(event.Event{Type: event.TypeDeployment, Deployment: &release.Deployment{Number: 2, Cause: release.CauseUp, Result: release.Running}})
	replica(1, release.StateRunning, release.HealthHealthy)
	replica(2, release.StateCreated, "")
	replica(2, release.StateRunning, release.HealthHealthy)
	replica(1, release.StateRunning, release.HealthUnhealthy)
	replica(1, release.StateRunning, release.HealthUnchecked)
	r.Emit(event.Event{Type: event.TypeStep, Step: &event.Step{Key: "rollout:stop web-1", State: event.Started}})
	replica(1, release.StateExited, release.HealthUnchecked)
	if err := r.Close(nil); err != nil {
		t.Fatal(err)
	}
	wrote(t, &out, "deploy  as #2\n[web-1] created\n[web-1] healthy\n[web-1] unhealthy\n[#2] stop web-1\n")
}

func TestReplicasThatMakeWayStandApart(t *testing.T) {
	v := newView(time.Now())
	apply := func(e event.Event) { v.apply(e, time.Now()) }
	replica := func(id string, deployment, index int, health release.HealthState) {
		apply(event.Event{Replica: &release.Replica{
			ID: id, Service: "web", Index: index, Deployment: deployment, State: release.StateRunning, Health: health,
		}})
	}
	apply(event.Event{Plan: &event.Plan{Operations: []event.Operation{{Key: "stop a"}, {Key: "stop b"}}}})
	apply(event.Event{Deployment: &release.Deployment{Number: 2, Cause: release.CauseUp, Result: release.Running}})
	replica("a", 1, 1, release.HealthHealthy)
	replica("b", 1, 2, release.HealthUnhealthy)
	replica("c", 1, 3, release.HealthHealthy)
	if got, want := v.replicaLines(Output{})[1], "  web  ●●●  2 healthy, 1 unhealthy"; got != want { // none is there yet that they make way for
		t.Errorf("it shows %q, not %q", got, want)
	}
	replica("d", 2, 1, release.HealthStarting)
	if got, want := v.replicaLines(Output{})[1], "  web  ◐●  1 starting, 1 healthy  ●●  1 old, 1 old unhealthy"; got != want {
		t.Errorf("it shows %q, not %q", got, want)
	}
}

func TestHowAReplicaEndedIsSaidOnce(t *testing.T) {
	v := newView(time.Now())
	v.apply(event.Event{Deployment: &release.Deployment{Number: 2, Result: release.RolledBack}}, time.Now())
	for i, detail := range []string{"exited with code 3", "stopped (exited with code 3)", "panic: no such table"} {
		v.apply(event.Event{Replica: &release.Replica{
			ID: itoa(i), Service: "web", Index: i + 1, Deployment: 2, State: release.StateExited, ExitKnown: true, ExitCode: 3, Detail: detail,
		}}, time.Now())
	}
	want := []string{"✗ web-1  exited (code 3)", "✗ web-2  exited (code 3)", "✗ web-3  exited (code 3)  panic: no such table"}
	if diff := cmp.Diff(want, v.failedReplicas(Output{})); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
}

// On the way back, the replicas of the failed deployment are stopped, with whatever code they end.
func TestWhatWasStoppedOnTheWayBackHasNotFailed(t *testing.T) {
	var out bytes.Buffer
	r := New(Options{Out: &out, Err: &out, Mode: Plain})
	replica := func(service string, change func(*release.Replica)) {
		changed := &release.Replica{ID: service + "-1", Service: service, Index: 1, Deployment: 2, State: release.StateRunning, Health: release.HealthUnchecked}
		change(changed)
		r.Emit(event.Event{Replica: changed})
	}
	stops := func(code int) func(*release.Replica) {
		return func(r *release.Replica) {
			r.State, r.ExitKnown, r.ExitCode, r.Stopped = release.StateExited, true, code, true
		}
	}
	health := func(h release.HealthState) func(*release.Replica) { return func(r *release.Replica) { r.Health = h } }
	r.Emit(event.Event{Deployment: &release.Deployment{Number: 2, Cause: release.CauseUp, Result: release.Running}})
	replica("job", health(release.HealthStarting))
	replica("web", health(release.HealthUnhealthy))
	r.Emit(event.Event{Plan: &event.Plan{Operations: []event.Operation{{Key: "stop job-1"}, {Key: "stop web-1"}}}})
	for _, service := range []string{"job", "web"} {
		r.Emit(event.Event{Step: &event.Step{Key: "rollout:stop " + service + "-1", State: event.Started}})
		replica(service, health(release.HealthUnchecked)) // nobody checks it any more
	}
	replica("web", stops(143))
	replica("job", stops(137))
	r.Emit(event.Event{Deployment: &release.Deployment{Number: 2, Result: release.RolledBack}})
	if err := r.Close(nil); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"\n[job-1] stopped\n", "\n✗ web-1  unhealthy\n"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("there is no %q:\n%s", want, out.String())
		}
	}
	if strings.Contains(out.String(), "✗ job-1") {
		t.Errorf("it was stopped:\n%s", out.String())
	}
}
