package build_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/seaworthyhq/seaworthy/internal/build"
	"github.com/seaworthyhq/seaworthy/internal/event"
)

// ended are the instructions of a step but for its FROM, and how each ended, in the order of the Dockerfile: "2 done COPY . .".
func (r *recorder) ended(step string) []string {
	last := map[string]event.Instruction{}
	for _, e := range r.all() {
		if in := e.Instruction; in != nil && in.Line > 0 && slices.Contains(in.Steps, step) && !strings.HasPrefix(in.Text, "FROM ") {
			last[in.Digest] = *in
		}
	}
	var all []string
	for _, in := range last {
		all = append(all, fmt.Sprintf("%d %s %s", in.Line, in.State, in.Text))
	}
	slices.Sort(all)
	return all
}

// The check takes another part of the context than the image does, so the solver has two builders, of which one finds what
// the other has made.
func TestAnInstructionCountsOnceHoweverManyTargetsNeedIt(t *testing.T) {
	y := newYard(t)
	dir := project(t, map[string]string{
		"a": "a\n", "b": "b\n",
		"Dockerfile": `FROM busybox AS builder
COPY a .
RUN sleep 0.2; cat a > /made
FROM builder AS test
COPY b .
RUN cat /made b
FROM busybox AS web
COPY --from=builder /made /
`,
	})
	for _, state := range []string{"done", "cached"} {
		_, rec := y.build(t, y.request(t, dir, "=web", "test"))
		for step, want := range map[string][]string{
			"stage:builder": {"2 STATE COPY a .", "3 STATE RUN sleep 0.2; cat a > /made"},
			"stage:test":    {"5 STATE COPY b .", "6 STATE RUN cat /made b"},
			"stage:web":     {"8 STATE COPY --from=builder /made /"},
		} {
			for i := range want {
				want[i] = strings.Replace(want[i], "STATE", state, 1)
			}
			if diff := cmp.Diff(want, rec.ended(step)); diff != "" {
				t.Errorf("%s (-want +got):\n%s", step, diff)
			}
		}
	}
}

func TestAnInstructionCountsOnceHoweverManyOperationsItIs(t *testing.T) {
	y := newYard(t)
	dir := project(t, map[string]string{
		"a":          "a\n",
		"Dockerfile": "FROM busybox AS base\nONBUILD RUN echo one\nONBUILD RUN echo two\nFROM base AS web\nCOPY --link a /linked/\nCOPY --from=busybox:latest /bin/sh /copied\n",
	})
	_, rec := y.build(t, y.request(t, dir, "=web"))
	want := []string{
		"4 done ONBUILD RUN echo one", "4 done ONBUILD RUN echo two",
		"5 done COPY --link a /linked/", "6 done COPY --from=busybox:latest /bin/sh /copied",
	}
	if diff := cmp.Diff(want, rec.ended("stage:web")); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func TestWhatAnImageTriggersBelongsToTheStageThatBeginsWithIt(t *testing.T) {
	y := newYard(t)
	y.build(t, y.request(t, project(t, map[string]string{"Dockerfile": "FROM busybox AS base\nONBUILD COPY a /a\nONBUILD RUN cat /a\n"}), "=base"))
	dir := project(t, map[string]string{
		"a": "a\n", "Dockerfile": "FROM busybox AS other\nRUN true\nFROM seaworthy.local/test/base:latest AS web\nRUN echo web\n",
	})
	_, rec := y.build(t, y.request(t, dir, "=web", "other"))
	want := []string{"3 done ONBUILD COPY a /a", "3 done ONBUILD RUN cat /a", "4 done RUN echo web"}
	if diff := cmp.Diff(want, rec.ended("stage:web")); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

// What is wrong with a base image is told where it is named, although nothing is known yet of what the stages are made of.
func TestABaseImageThatIsNotThereFailsTheStageThatNamesIt(t *testing.T) {
	y := newYard(t)
	req := y.request(t, project(t, map[string]string{"Dockerfile": "FROM busybox AS other\nRUN true\nFROM localhost:1/nowhere AS web\nRUN true\n"}), "=web")
	req.Stages[1].Images = []build.ImageUse{{Ref: "localhost:1/nowhere", Line: 3}}
	rec := &recorder{}
	if _, err := y.Build(t.Context(), req, rec); err == nil {
		t.Fatal("it was built")
	}
	failed := rec.instructions("stage:web")["load metadata for localhost:1/nowhere:latest"]
	if diff := cmp.Diff([]event.Place{{Step: "stage:web", Line: 3, EndLine: 3}}, failed.Places); diff != "" || failed.State != event.Failed {
		t.Errorf("%s, places (-want +got):\n%s", failed.State, diff)
	}
	if state := rec.steps()["stage:web"]; state != event.Failed {
		t.Errorf("the stage is %s", state)
	}
}

// What the copy is of cannot be found while the RUN runs; the solver tells then that all is cached that goes into the copy.
func TestAStageThatRunsIsNotCachedForWhatFailsBesideIt(t *testing.T) {
	y := newYard(t)
	req := y.request(t, project(t, map[string]string{
		"Dockerfile": "FROM busybox AS base\nRUN true\nFROM base AS lib\nRUN sleep 0.5\nFROM lib AS web\nCOPY --from=base /nowhere /x\n",
	}), "=web")
	_, rec := y.fail(t, req)
	for _, e := range rec.all() {
		if e.Instruction != nil && e.Instruction.Text == "RUN sleep 0.5" && e.Instruction.State == event.Cached {
			t.Errorf("told of what runs: %+v", e.Instruction)
		}
	}
	if state := rec.steps()["stage:lib"]; state != event.Stopped {
		t.Errorf("a stage that did not end is %s", state)
	}
}
