package engine

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/opencontainers/go-digest"

	"github.com/seaworthyhq/seaworthy/internal/cause"
	"github.com/seaworthyhq/seaworthy/internal/event"
	"github.com/seaworthyhq/seaworthy/internal/pipeline"
	"github.com/seaworthyhq/seaworthy/internal/release"
	"github.com/seaworthyhq/seaworthy/internal/state"
)

// A stage for which nothing is made is recorded once, as that, until it is another one.
func TestAnEmptyStageIsRecorded(t *testing.T) {
	db, err := state.Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	const key = "stage:debug"
	empty := func(from string) release.StepRun {
		return release.StepRun{Key: key, Name: "debug", State: "cached", Empty: true, After: []string{from}}
	}
	does := cause.Made{Operations: []cause.Operation{{Text: "RUN x", Stages: []string{key}}}}
	ran := release.StepRun{Key: key, Name: "debug", State: "done", After: []string{"stage:base"}, Started: time.Unix(1, 0).UTC()}
	cached := release.StepRun{Key: key, Name: "debug", State: "cached", After: []string{"stage:base"}}

	var all steps
	for _, row := range []struct {
		when string
		run  release.StepRun
		made map[string]cause.Made
		news bool
		want state.Step
	}{
		{"at first", empty("stage:base"), nil, true, state.Step{Run: empty("stage:base")}},
		{"again", empty("stage:base"), nil, false, state.Step{Run: empty("stage:base")}},
		{"from another one", empty("stage:web"), nil, true, state.Step{Run: empty("stage:web")}},
		{"it has something to run", ran, map[string]cause.Made{key: does}, true, state.Step{Run: ran, Made: does, Ran: does.Digest()}},
		{"it no longer has", empty("stage:base"), nil, true, state.Step{Run: empty("stage:base")}},
		{"it has again, in the cache", cached, map[string]cause.Made{key: does}, true, state.Step{Made: does}},
	} {
		news, err := all.note(db, "shop", &pipeline.Output{Steps: []release.StepRun{row.run}, Made: row.made})
		if err != nil || news != row.news {
			t.Errorf("%s: news %v, %v", row.when, news, err)
		}
		var kept func()
		if err := db.Update(func(tx state.Tx) (err error) { kept, err = all.save(tx, "shop"); return err }); err != nil {
			t.Fatal(err)
		}
		kept()
		known, _, err := new(steps).recorded(db, "shop")
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(row.want, known[key]); diff != "" {
			t.Errorf("%s: -want +got\n%s", row.when, diff)
		}
	}
}

// A build that was killed records nothing. What it made comes from cache later, with other inputs than what is recorded.
func TestWhatCameFromCacheWithOtherInputsIsNotWhatRan(t *testing.T) {
	db, err := state.Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	const key = "stage:base"
	of := func(file string, line int) map[string]cause.Made {
		return map[string]cause.Made{key: {Operations: []cause.Operation{{Key: digest.FromString(file), Line: line, Stages: []string{key}}}}}
	}
	run := func(state string) release.StepRun {
		return release.StepRun{Key: key, Name: "base", State: state, Started: time.Now(), Ended: time.Now()}
	}
	var all steps
	for _, row := range []struct {
		when  string
		state string
		made  map[string]cause.Made
		other bool
	}{
		{"it ran", "done", of("a", 2), false},
		{"it is as it was, a line further down", "cached", of("a", 3), false},
		{"it was made by a build that was killed", "cached", of("b", 3), true},
		{"it is as it was", "cached", of("a", 3), false},
		{"it ran again", "done", of("c", 3), false},
	} {
		if _, err := all.note(db, "shop", &pipeline.Output{Steps: []release.StepRun{run(row.state)}, Made: row.made}); err != nil {
			t.Fatal(err)
		}
		known, cached, err := all.recorded(db, "shop")
		if err != nil {
			t.Fatal(err)
		}
		if info := infoOf(known, cached)(key); info.Other != row.other {
			t.Errorf("%s: other is %v", row.when, info.Other)
		}
	}
}

func TestAnEmptyStageIsExplainedByWhatItIsFrom(t *testing.T) {
	known := map[string]state.Step{
		"stage:debug": {Run: release.StepRun{Key: "stage:debug", Empty: true, After: []string{"stage:web"}}},
		"stage:web": {Run: release.StepRun{Key: "stage:web", After: []string{"stage:base", "stage:other"}, Because: []release.Reason{
			{Kind: release.ReasonStage, Names: []string{"stage:base"}}, {Kind: release.ReasonBase, Names: []string{"busybox"}},
		}}},
	}
	var keys []string
	for _, s := range chain("stage:debug", infoOf(known, nil)) {
		keys = append(keys, s.Key)
	}
	if want := []string{"stage:debug", "stage:web", "stage:base"}; !slices.Equal(keys, want) {
		t.Errorf("%q, not %q", keys, want)
	}
}

// What a project no longer has is kept, for it may come back, and not listed; what is not built is, with why.
func TestWhyListsTheStagesThatTheProjectHas(t *testing.T) {
	db, err := state.Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	e := &Engine{db: db}
	build := func(stages ...event.Node) {
		out := &pipeline.Output{Stages: stages, Made: map[string]cause.Made{}}
		for _, n := range stages {
			if !n.Skip {
				out.Steps = append(out.Steps, release.StepRun{Key: n.Key, Name: n.Name, State: "done", Started: time.Unix(1, 0).UTC()})
				out.Made[n.Key] = cause.Made{Operations: []cause.Operation{{Text: "RUN " + n.Name, Stages: []string{n.Key}}}}
			}
		}
		if _, err := e.steps.note(db, "shop", out); err != nil {
			t.Fatal(err)
		}
		e.keepSteps("shop")
		e.steps.forget("shop") // as after a restart
	}
	listed := func() (all []string) {
		found, err := e.why(release.Environment{Project: "shop", Name: "local"}, "")
		if err != nil {
			t.Fatal(err)
		}
		for _, s := range found {
			all = append(all, strings.TrimSuffix(s.Name+": "+s.Skipped, ": "))
		}
		slices.Sort(all)
		return all
	}
	web, test := event.Node{Key: "stage:web", Name: "web"}, event.Node{Key: "stage:test", Name: "test"}
	dev := event.Node{Key: "stage:dev", Name: "dev", Skip: true, Why: "its name says it is for developers"}
	skipped := event.Node{Key: "stage:test", Name: "test", Skip: true, Why: "seaworthy.yaml says to skip it"}
	for _, row := range []struct {
		stages []event.Node
		want   []string
	}{
		{[]event.Node{web, test, dev}, []string{"dev: its name says it is for developers", "test", "web"}},
		{[]event.Node{web, skipped}, []string{"test: seaworthy.yaml says to skip it", "web"}},
		{[]event.Node{web}, []string{"web"}},
		{nil, []string{"web"}}, // it is not known
		{[]event.Node{web, test}, []string{"test", "web"}},
	} {
		build(row.stages...)
		if diff := cmp.Diff(row.want, listed()); diff != "" {
			t.Errorf("-want +got\n%s", diff)
		}
	}
}

// What a build was to build and did not come to is recorded with why, until a build comes to it.
func TestAStageThatWasNotComeToIsRecorded(t *testing.T) {
	db, err := state.Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	stages := []event.Node{{Key: "stage:test", Name: "test"}, {Key: "stage:e2e", Name: "e2e"}, {Key: "stage:dev", Name: "dev", Skip: true, Why: "for developers"}}
	does := map[string]cause.Made{"stage:e2e": {Operations: []cause.Operation{{Text: "RUN x", Stages: []string{"stage:e2e"}}}}}
	run := func(name string, state event.State) release.StepRun {
		return release.StepRun{Key: "stage:" + name, Name: name, State: string(state)}
	}
	empty := run("e2e", event.Cached)
	empty.Empty = true
	well := release.Release{Project: "shop"}
	type e2e struct {
		Missed, State string
		Empty         bool
	}
	var all steps
	for _, row := range []struct {
		when string
		out  pipeline.Output
		want e2e
	}{
		{"another one failed before", pipeline.Output{Steps: []release.StepRun{run("test", event.Failed), run("e2e", event.Stopped)}}, e2e{Missed: "test failed"}},
		{"nothing was heard of it", pipeline.Output{Steps: []release.StepRun{run("test", event.Stopped)}}, e2e{Missed: "it was stopped"}},
		{"it had nothing to run", pipeline.Output{Steps: []release.StepRun{run("test", event.Done), empty}, Release: well}, e2e{State: "cached", Empty: true}},
		{"it has, and was not come to", pipeline.Output{Steps: []release.StepRun{run("test", event.Failed), run("e2e", event.Stopped)}}, e2e{Missed: "test failed"}},
		{"it was stopped itself", pipeline.Output{Steps: []release.StepRun{run("test", event.Failed), run("e2e", event.Stopped)}, Made: does}, e2e{State: "stopped"}},
		{"it was not come to again", pipeline.Output{Steps: []release.StepRun{run("test", event.Failed)}}, e2e{Missed: "test failed", State: "stopped"}},
		{"all is well", pipeline.Output{Steps: []release.StepRun{run("test", event.Done), run("e2e", event.Done)}, Made: does, Release: well}, e2e{State: "done"}},
	} {
		row.out.Stages = stages
		if _, err := all.note(db, "shop", &row.out); err != nil {
			t.Fatal(err)
		}
		known, cached, err := all.recorded(db, "shop")
		if err != nil {
			t.Fatal(err)
		}
		info, got := infoOf(known, cached)("stage:e2e"), e2e{}
		if got.Missed = info.Missed; info.Run != nil {
			got.State, got.Empty = info.Run.State, info.Run.Empty
		}
		if diff := cmp.Diff(row.want, got); diff != "" {
			t.Errorf("%s: -want +got\n%s", row.when, diff)
		}
		if known["stage:dev"].Missed != "" {
			t.Errorf("%s: what is not built was not come to", row.when)
		}
	}
}

func TestStagesAreListedInTheOrderOfTheirNumbers(t *testing.T) {
	names := []string{"part-103", "part", "part-9", "b", "part-010", "part-10b", "part-2x1", "part-2"}
	slices.SortStableFunc(names, naturally)
	if want := []string{"b", "part", "part-2", "part-2x1", "part-9", "part-010", "part-10b", "part-103"}; !slices.Equal(names, want) {
		t.Errorf("%q, not %q", names, want)
	}
}

func TestAStageThatOnlyFetchesHasNothingToRun(t *testing.T) {
	fetches := cause.Operation{Source: "docker-image://busybox", Stages: []string{"stage:web"}}
	fetched := cause.Made{Operations: []cause.Operation{fetches}}
	ran := release.StepRun{Key: "stage:web", State: "done"}
	for _, row := range []struct {
		of    state.Step
		empty bool
	}{
		{state.Step{Made: fetched}, true},
		{state.Step{Made: fetched, Run: ran, Ran: "of more than that"}, true},
		{state.Step{Made: fetched, Run: ran, Ran: fetched.Digest()}, false},
		{state.Step{Made: cause.Made{Operations: []cause.Operation{fetches, {Text: "RUN x", Stages: []string{"stage:web"}}}}}, false},
		{state.Step{}, false},
	} {
		known := map[string]state.Step{"stage:web": row.of}
		if info := infoOf(known, nil)("stage:web"); (info.Run != nil && info.Run.Empty) != row.empty {
			t.Errorf("of %+v: %+v", row.of, info.Run)
		}
	}
}
