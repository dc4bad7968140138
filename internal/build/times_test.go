package build_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/seaworthyhq/seaworthy/internal/build"
	"github.com/seaworthyhq/seaworthy/internal/build/worker"
	"github.com/seaworthyhq/seaworthy/internal/event"
	"github.com/seaworthyhq/seaworthy/internal/graph"
	"github.com/seaworthyhq/seaworthy/internal/release"
	"github.com/seaworthyhq/seaworthy/internal/store/storetest"
)

// run is what became of a stage.
func run(t *testing.T, res *build.Result, stage string) release.StepRun {
	t.Helper()
	i := slices.IndexFunc(res.Steps, func(r release.StepRun) bool { return r.Key == "stage:"+stage })
	if i < 0 {
		t.Fatalf("nothing became of %s: %+v", stage, res.Steps)
	}
	return res.Steps[i]
}

// What web has of its own has long been done when the builder ends.
func TestThatAStageWaitsForAnotherIsNoWorkOnIt(t *testing.T) {
	y := newYard(t)
	dir := project(t, map[string]string{"Dockerfile": `FROM busybox AS builder
RUN --mount=type=cache,target=/c until [ -e /c/web ]; do sleep 0.01; done; sleep 1; touch /made
FROM busybox AS web
RUN --mount=type=cache,target=/c touch /c/web
COPY --from=builder /made /
`})
	res, rec := y.build(t, y.request(t, dir, "=web"))
	builder, web := run(t, res, "builder"), run(t, res, "web")
	n := len(web.Worked)
	if n < 2 || web.Worked[n-1].Started.Before(builder.Ended) || web.Worked[n-2].Ended.After(builder.Ended) {
		t.Errorf("web was worked on %v, the builder %v", web.Worked, builder.Worked)
	}
	if lasted := web.Ended.Sub(web.Started); web.Took() >= lasted || web.Took() != web.Worked.Took() {
		t.Errorf("of %v web took %v", lasted, web.Took())
	}
	told := rec.all()
	last := slices.IndexFunc(told, func(e event.Event) bool {
		return e.Step != nil && e.Step.Key == "stage:web" && e.Step.State == event.Done
	})
	if last < 0 || told[last].Step.Took != web.Took() {
		t.Errorf("that web took %v is not told", web.Took())
	}

	path := graph.CriticalPath(res.Spans)
	var legs []string
	for i, l := range path {
		if i > 0 && !l.Started.Equal(path[i-1].Ended) {
			t.Errorf("leg %+v begins where none ends", l)
		}
		legs = append(legs, l.Step)
	}
	if i := slices.Index(legs, "stage:builder"); i < 0 || !strings.HasPrefix(path[i].Text, "RUN --mount") || i != len(legs)-2 {
		t.Errorf("path %+v", path)
	}

	again, _ := y.build(t, y.request(t, dir, "=web"))
	for _, s := range again.Steps {
		if s.State != string(event.Cached) || s.Waited > 0 {
			t.Errorf("built again: %+v", s)
		}
	}
}

// What an image is that is here already is found once more when something is copied into it.
func TestTheCriticalPathGoesToTheBuilderWhateverTheFinalStageIsFrom(t *testing.T) {
	y := newYard(t)
	storetest.Busybox(t, y.store, storetest.Image{Ref: "docker.io/library/slim:latest", Files: []storetest.File{{Name: "etc/slim", Content: []byte("slim")}}})
	for _, text := range []string{"one", "two"} {
		res, _ := y.build(t, y.request(t, project(t, map[string]string{
			"Dockerfile": "FROM busybox AS builder\nRUN sleep 0.3; echo " + text + " > /made\nFROM slim AS web\nCOPY --from=builder /made /\n",
		}), "=web"))
		var legs []string
		for _, l := range graph.CriticalPath(res.Spans) {
			legs = append(legs, l.Step)
		}
		if n := len(legs); n < 2 || legs[n-2] != "stage:builder" || legs[n-1] != "stage:web" {
			t.Errorf("the path is %v", legs)
		}
	}
}

func TestThatAStageWaitsForAFreePlaceIsTold(t *testing.T) {
	y := newYard(t)
	if err := y.Close(); err != nil {
		t.Fatal(err)
	}
	y.Builder = openBuilder(t, build.Config{Root: y.root, Store: y.store, Worker: worker.Config{MaxParallelism: 1}})
	res, _ := y.build(t, y.request(t, project(t, map[string]string{
		"Dockerfile": "FROM busybox AS one\nRUN sleep 0.3; echo one\nFROM busybox AS two\nRUN sleep 0.3; echo two\n",
	}), "one", "two"))
	first, second := run(t, res, "one"), run(t, res, "two")
	if second.Ended.Before(first.Ended) {
		first, second = second, first
	}
	if second.Waited <= 0 || second.Waited > second.Ended.Sub(first.Started) || first.Waited > second.Waited {
		t.Errorf("%s waited %v, %s %v", first.Key, first.Waited, second.Key, second.Waited)
	}
}

func TestAStageOfWhichNothingHasToBeMadeEndsWithWhatItIsFrom(t *testing.T) {
	y := newYard(t)
	req := y.request(t, project(t, map[string]string{"Dockerfile": `FROM busybox AS base
RUN echo base
FROM base AS named
ENV A=1
FROM named AS empty
ENV B=2
FROM named AS full
RUN echo full
FROM scratch AS nothing
ENV C=3
`}), "empty", "=full", "nothing")
	req.Takes = [][]int{nil, {0}, {1}, {1}, nil}
	_, rec := y.build(t, req)
	var ends []string
	emptyness := map[bool]string{true: " empty"}
	at := map[string]time.Time{}
	for _, e := range rec.all() {
		if e.Step != nil && e.Step.State.Ended() && e.Step.Key != "stage:nothing" {
			if _, told := at[e.Step.Key]; !told {
				ends = append(ends, strings.TrimPrefix(e.Step.Key, "stage:")+" "+string(e.Step.State)+emptyness[e.Step.Empty])
			}
			at[e.Step.Key] = e.Time
		}
	}
	if i, j := slices.Index(ends, "named cached empty"), slices.Index(ends, "full done"); i != 1 || i > j {
		t.Errorf("ends: %q", ends)
	}
	slices.Sort(ends)
	if diff := cmp.Diff([]string{"base done", "empty cached empty", "full done", "named cached empty"}, ends); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	if state := rec.steps()["stage:nothing"]; state != event.Cached {
		t.Errorf("what begins with nothing and makes nothing is %s", state)
	}
}
