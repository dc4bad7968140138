package rollout

import (
	"slices"
	"testing"

	"golang.org/x/tools/txtar"
)

// What an old replica still has to answer may ask another old one, whether compose.yaml says so or not.
func TestNothingStopsBeforeAllThatGoesIsDrained(t *testing.T) {
	a := txtar.Parse([]byte(`
-- before --
services:
- {name: mid, image: {digest: m1}, replicas: 2}
- {name: web, image: {digest: w1}, replicas: 2}
-- after --
services:
- {name: mid, image: {digest: m2}, replicas: 2}
- {name: web, image: {digest: w2}, replicas: 2}
`))
	before, after := generation(t, a, "before", 1), generation(t, a, "after", 2)
	plan := PlanDeploy(observe(t, before, after, nil), wish(after))
	var drains []string
	for _, op := range plan.Operations {
		if op.Kind == Drain {
			drains = append(drains, op.Key)
		}
	}
	if len(drains) != 4 {
		t.Fatalf("%d drains, want 4:\n%s", len(drains), plan)
	}
	for _, op := range plan.Operations {
		if op.Kind != Stop {
			continue
		}
		for _, drain := range drains {
			if !slices.Contains(op.After, drain) {
				t.Errorf("%s does not wait for %s", op.Key, drain)
			}
		}
	}
}
