package rollout

import (
	"testing"
	"time"

	"github.com/seaworthyhq/seaworthy/internal/release"
)

func TestReplicasOfAFailedFirstDeploymentStopWithinTheirOwnGrace(t *testing.T) {
	o := Observed{Replicas: []release.Replica{
		{ID: "web-1", Service: "web", Index: 1, State: release.StateRunning, StopGrace: release.Duration(time.Second)},
	}}
	plan := PlanDeploy(o, Desired{Environment: env, Cause: release.CauseRollback, Return: true})
	for _, op := range plan.Operations {
		if op.Kind == Stop {
			if op.Limit != time.Second {
				t.Errorf("%s within %s, want 1s", op, op.Limit)
			}
			return
		}
	}
	t.Errorf("nothing is stopped:\n%s", plan)
}
