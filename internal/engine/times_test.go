package engine

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/opencontainers/go-digest"

	"github.com/seaworthyhq/seaworthy/internal/cause"
	"github.com/seaworthyhq/seaworthy/internal/pipeline"
	"github.com/seaworthyhq/seaworthy/internal/release"
	"github.com/seaworthyhq/seaworthy/internal/state"
)

// What is built, or planned, first and released afterwards comes from cache then. The release has the times of the work all the same.
func TestAReleaseHasTheTimesOfTheWorkForIt(t *testing.T) {
	const key = "stage:web"
	of := func(state, files string, took time.Duration) *pipeline.Output {
		return &pipeline.Output{
			Release: release.Release{Project: "shop"}, Took: took, Steps: []release.StepRun{{Key: key, State: state}},
			Made: map[string]cause.Made{key: {Operations: []cause.Operation{{Key: digest.Digest(files), Stages: []string{key}}}}},
		}
	}
	failed := of("done", "two", 7)
	failed.Release = release.Release{}
	type kept struct {
		Took time.Duration
		News bool
	}
	db, err := state.Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	var all steps
	for _, row := range []struct {
		when    string
		out     *pipeline.Output
		release release.ID // none: only built
		known   bool
		want    kept
	}{
		{"built", of("done", "one", 1), "", false, kept{}},
		{"released from cache", of("cached", "one", 2), "r-1", false, kept{1, true}},
		{"once more", of("cached", "one", 3), "r-1", true, kept{1, false}},
		{"with another configuration", of("cached", "one", 3), "r-2", false, kept{1, true}},
		{"failed with other files", failed, "", false, kept{}},
		{"of the ones before", of("cached", "one", 4), "r-3", false, kept{1, true}},
		{"of others that were made long ago", of("cached", "three", 5), "r-4", false, kept{5, true}},
		{"made by the release itself", of("done", "two", 6), "r-5", false, kept{6, true}},
		{"once more", of("cached", "two", 7), "r-5", true, kept{6, false}},
		{"built without the cache", of("done", "two", 8), "", false, kept{}},
		{"released from that", of("cached", "two", 9), "r-5", true, kept{8, true}},
	} {
		if _, err := all.note(db, "shop", row.out); err != nil {
			t.Fatal(err)
		}
		if row.release != "" {
			times, news := all.times("shop", row.release, row.known, row.out)
			if diff := cmp.Diff(row.want, kept{times.Took, news}); diff != "" {
				t.Errorf("%s: -want +got\n%s", row.when, diff)
			}
		}
		var written func()
		if err := db.Update(func(tx state.Tx) (err error) { written, err = all.save(tx, "shop"); return err }); err != nil {
			t.Fatal(err)
		}
		written()
		if row.release != "" {
			all.timesKept("shop", row.release)
		}
	}
	times, news := readSteps(t, db).times("shop", "r-6", false, of("cached", "two", 10)) // the next engine
	if diff := cmp.Diff(kept{8, true}, kept{times.Took, news}); diff != "" {
		t.Errorf("by the next engine: -want +got\n%s", diff)
	}
	if known, _, err := new(steps).recorded(db, "shop"); err != nil || len(known) != 1 {
		t.Errorf("steps are %v, %v", known, err)
	}
}

func readSteps(t *testing.T, db *state.DB) *steps {
	t.Helper()
	var s steps
	if _, err := s.of(db, "shop"); err != nil {
		t.Fatal(err)
	}
	return &s
}
