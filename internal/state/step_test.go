package state_test

import (
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/seaworthyhq/seaworthy/internal/release"
	"github.com/seaworthyhq/seaworthy/internal/state"
)

func TestStepsBelongToTheirProject(t *testing.T) {
	db, err := state.Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	at := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	step := func(key string) state.Step { return state.Step{Run: release.StepRun{Key: key, Started: at}} }
	update := func(f func(state.Tx) error) {
		t.Helper()
		if err := db.Update(f); err != nil {
			t.Fatal(err)
		}
	}
	for _, project := range []string{"shop", "shop-2", "a"} {
		update(func(tx state.Tx) error {
			if err := tx.PutStepsCached(project, map[string]time.Time{"stage:test": at}); err != nil {
				return err
			}
			if err := tx.PutStep(project, "stage:test", step("stage:test")); err != nil {
				return err
			}
			return tx.PutStep(project, "stage:api/web", step("stage:api/web"))
		})
	}
	update(func(tx state.Tx) error { return tx.RemoveSteps("shop") })
	err = db.View(func(tx state.Tx) error {
		if got := tx.StepProjects(); !slices.Equal(got, []string{"a", "shop-2"}) {
			t.Errorf("projects %q", got)
		}
		for project, want := range map[string]map[string]state.Step{
			"shop":   {},
			"shop-2": {"stage:test": step("stage:test"), "stage:api/web": step("stage:api/web")},
		} {
			got, err := tx.Steps(project)
			if err != nil {
				return err
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("%s: -want +got\n%s", project, diff)
			}
			cached, err := tx.StepsCached(project)
			if err != nil {
				return err
			}
			if len(cached) != min(len(want), 1) {
				t.Errorf("%s: cached %v", project, cached)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}
