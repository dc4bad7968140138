package rollout

import (
	"testing"
	"time"

	"golang.org/x/tools/txtar"

	"github.com/seaworthyhq/seaworthy/internal/release"
)

// Who waits has waited since the hold began: the way back must not end it sooner than was said.
func TestAHoldThatIsRenewedIsNotShortened(t *testing.T) {
	a := txtar.Parse([]byte(`
-- before --
services:
- name: web
  image: {digest: w1}
  replicas: 1
  stopGrace: 1s
  health: {test: [CMD, /app], interval: 1s, timeout: 1s, retries: 2}
  mounts: [{kind: volume, source: data, target: /data}]
volumes: [{name: data}]
`))
	before := generation(t, a, "before", 1)
	for said, want := range map[time.Duration]time.Duration{
		time.Minute: time.Minute,
		time.Second: 4 * time.Second, // what the health check takes
	} {
		o := observe(t, before, before, []string{"web 1 exited", "web held"})
		o.Serving.Held[0].Limit = release.Duration(said)
		plan := PlanDeploy(o, Desired{Environment: env, Generation: before, Cause: release.CauseRollback, Return: true})
		var got time.Duration
		for _, op := range plan.Operations {
			if op.Kind == Route && len(op.Serving.Held) > 0 {
				got = time.Duration(op.Serving.Held[0].Limit)
			}
		}
		if got != want {
			t.Errorf("it was to last %s, and lasts %s, want %s:\n%s", said, got, want, plan)
		}
	}
}
