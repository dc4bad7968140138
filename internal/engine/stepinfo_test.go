package engine

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/seaworthyhq/seaworthy/internal/state"
)

func TestAStageIsFoundByItsNameWithAndWithoutItsServices(t *testing.T) {
	known := map[string]state.Step{"stage:deps": {}, "stage:test": {}, "stage:jobs/test": {}, "stage:api/builder": {}, "stage:web+worker/builder": {}}
	for name, want := range map[string][]string{
		"deps":               {"stage:deps"},
		"stage:deps":         {"stage:deps"},
		"test":               {"stage:test"},
		"Test":               {"stage:test"},
		"jobs/TEST":          {"stage:jobs/test"},
		"JOBS/test":          nil, // services are told apart by case
		"worker/Builder":     {"stage:web+worker/builder"},
		"jobs/test":          {"stage:jobs/test"},
		"builder":            {"stage:api/builder", "stage:web+worker/builder"},
		"worker/builder":     {"stage:web+worker/builder"},
		"web+worker/builder": {"stage:web+worker/builder"},
		"work/builder":       nil,
		"lint":               nil,
	} {
		if diff := cmp.Diff(want, slices.Sorted(slices.Values(stepsCalled(name, known)))); diff != "" {
			t.Errorf("%s: -want +got\n%s", name, diff)
		}
	}
}
