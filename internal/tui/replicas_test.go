package tui

import (
	"bytes"
	"testing"

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
