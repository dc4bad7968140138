package build_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/seaworthyhq/seaworthy/internal/build"
	"github.com/seaworthyhq/seaworthy/internal/event"
)

// Two builds of the same from two folders: the solver does it once, and tells both by the digests of the first. Beside one with the
// cache, a build without it has other digests than its definition says.
func TestWhatAnotherBuildDoesAlikeIsToldOfOwnStages(t *testing.T) {
	for name, tc := range map[string]struct {
		dockerfile string
		second     func(*build.Request)
	}{
		"from two folders": {dockerfile: "FROM busybox AS web\nCOPY a /a\nRUN sleep 2; cat /a\nRUN echo after\n"},
		"without cache": {
			dockerfile: "FROM busybox AS web\nRUN sleep 2; echo said\nRUN echo after\n",
			second:     func(r *build.Request) { r.NoCache = true },
		},
	} {
		t.Run(name, func(t *testing.T) {
			y := newYard(t)
			files := map[string]string{"a": "said\n", "Dockerfile": tc.dockerfile}
			first, second := y.request(t, project(t, files), "=web"), y.request(t, project(t, files), "=web")
			if tc.second != nil {
				tc.second(&second)
			}
			rec := &recorder{}
			ended := make(chan error, 1)
			go func() {
				_, err := y.Build(t.Context(), first, rec)
				ended <- err
			}()
			eventually(t, "the first one runs", func() bool {
				return slices.ContainsFunc(rec.all(), func(e event.Event) bool {
					return e.Instruction != nil && e.Instruction.State == event.Started && strings.HasPrefix(e.Instruction.Text, "RUN sleep")
				})
			})
			_, other := y.build(t, second)
			if err := <-ended; err != nil {
				t.Fatal(err)
			}
			if n := y.Remembered(); n != 0 {
				t.Errorf("no build runs, and %d operations are remembered", n)
			}
			for _, e := range other.all() {
				if in := e.Instruction; in != nil && len(in.Steps) == 0 {
					t.Errorf("%s %s belongs to no stage", in.State, in.Text)
				}
			}
			if log := other.log("stage:web"); !strings.Contains(log, "said") || !strings.Contains(log, "after") {
				t.Errorf("log of the stage: %q", log)
			}
			if state := other.steps()["stage:web"]; state != event.Done {
				t.Errorf("the stage is %s", state)
			}
		})
	}
}
