package build_test

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/seaworthyhq/seaworthy/internal/build"
	"github.com/seaworthyhq/seaworthy/internal/event"
	"github.com/seaworthyhq/seaworthy/internal/release"
)

// variants lets a request build "web" and "api" of one Dockerfile with APP of that value; the stages that are named are not the same
// in both.
func variants(req build.Request, differ ...string) build.Request {
	with := func(app string) build.Variant {
		v := build.Variant{Args: map[string]string{"APP": app}, Labels: map[string]string{"app": app}, Stages: slices.Clone(req.Stages)}
		for i, s := range v.Stages {
			if slices.Contains(differ, s.Name) {
				v.Stages[i].Key, v.Stages[i].Name = "stage:"+app+"/"+s.Name, app+"/"+s.Name
			}
		}
		return v
	}
	web, api := with("web"), with("api")
	req.Args, req.Labels, req.Stages, req.Variants = web.Args, web.Labels, web.Stages, []build.Variant{api}
	var targets []build.Target
	for _, t := range req.Targets {
		if !slices.Contains(differ, t.Stage) {
			targets = append(targets, t)
			continue
		}
		for i, app := range []string{"web", "api"} {
			targets = append(targets, build.Target{
				Key: "stage:" + app + "/" + t.Stage, Stage: t.Stage, Variant: i, Image: t.Image, Name: "seaworthy.local/test/" + app + ":latest",
			})
		}
	}
	req.Targets = targets
	return req
}

const severalServices = `FROM busybox AS deps
RUN echo deps > /deps
FROM deps AS builder
COPY a /a
ARG APP
RUN echo $APP > /app
FROM deps AS lint
RUN echo lint
FROM builder AS test
RUN test $APP = $(cat /app)
FROM busybox AS runtime
COPY --from=builder /app /app
`

// One job builds a Dockerfile with several sets of arguments: what these do not change is done, and told, once.
func TestVariantsOfADockerfileShareWhatIsTheSame(t *testing.T) {
	y := newYard(t)
	dir := project(t, map[string]string{"a": "a\n", "Dockerfile": severalServices})
	req := variants(y.request(t, dir, "=runtime", "lint", "test"), "builder", "test", "runtime")
	res, rec := y.build(t, req)
	for _, app := range []string{"web", "api"} {
		if got := y.read(t, res.Images["stage:"+app+"/runtime"], "app"); got != app+"\n" {
			t.Errorf("the image of %s has %q", app, got)
		}
		if got := res.Images["stage:"+app+"/runtime"].Config.Config.Labels["app"]; got != app {
			t.Errorf("the image of %s has the label %q", app, got)
		}
	}
	want := []string{
		"2 RUN echo deps > /deps: stage:deps",
		"4 COPY a /a: stage:api/builder stage:web/builder",
		"6 RUN echo $APP > /app: stage:api/builder",
		"6 RUN echo $APP > /app: stage:web/builder",
		"8 RUN echo lint: stage:lint",
		"10 RUN test $APP = $(cat /app): stage:api/test",
		"10 RUN test $APP = $(cat /app): stage:web/test",
		"12 COPY --from=builder /app /app: stage:api/runtime",
		"12 COPY --from=builder /app /app: stage:web/runtime",
	}
	if diff := cmp.Diff(slices.Sorted(slices.Values(want)), instructionsDone(rec)); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	ended := map[string]int{}
	for _, e := range rec.events {
		if e.Step != nil && e.Step.State == event.Done && len(e.Step.Because) == 0 {
			ended[e.Step.Key]++
		}
	}
	for key, n := range ended {
		if n > 1 {
			t.Errorf("%s ended %d times", key, n)
		}
	}
	if len(res.Steps) != 8 {
		t.Errorf("there are %d steps: %v", len(res.Steps), res.Steps)
	}
}

// instructionsDone are those with a line that ran, each as it was told last, with their stages.
func instructionsDone(rec *recorder) []string {
	is := map[string]string{}
	for _, e := range rec.events {
		if in := e.Instruction; in != nil && in.Line > 0 && in.State == event.Done && !build.IsFrom(in.Text) {
			is[in.Digest] = fmt.Sprintf("%d %s: %s", in.Line, in.Text, strings.Join(in.Steps, " "))
		}
	}
	var all []string
	for _, text := range is {
		all = append(all, text)
	}
	slices.Sort(all)
	return all
}

// A check that fails with the arguments of one service is that service's.
func TestAFailureIsOfItsVariant(t *testing.T) {
	y := newYard(t)
	dir := project(t, map[string]string{"Dockerfile": "FROM busybox AS test\nARG APP\nRUN test $APP = web\n"})
	u, _ := y.fail(t, variants(y.request(t, dir, "test"), "test"))
	if !strings.Contains(u.Error(), "api/test") || strings.Contains(u.Error(), "web/test") {
		t.Error(u)
	}
}

// An image may declare an argument where the Dockerfile does not, or take from a stage. Then a stage that was taken to be the same in
// both is not.
func TestWhatTheBaseImageTriggersCannotBeOverlooked(t *testing.T) {
	y := newYard(t)
	for _, row := range []struct{ trigger, above, said string }{
		{"ARG APP", "", "declares the argument APP by ONBUILD"},
		{"ARG OTHER APP=1", "", "declares the argument APP by ONBUILD"},
		{"ARG MADE", "ARG MADE=of-$APP", "declares the argument MADE by ONBUILD"},
		{"COPY --from=own /etc /own", "", "takes from the stage own by ONBUILD"},
		{"RUN --mount=from=own,target=/m true", "", "takes from the stage own by ONBUILD"},
	} {
		t.Run(row.trigger, func(t *testing.T) {
			y.build(t, y.request(t, project(t, map[string]string{"Dockerfile": "FROM busybox AS base\nONBUILD " + row.trigger + "\n"}), "=base"))
			dir := project(t, map[string]string{"Dockerfile": row.above + "\nFROM busybox AS own\nARG APP\nRUN mkdir -p /etc\nFROM seaworthy.local/test/base:latest AS runtime\nRUN true\n"})
			images := func(req build.Request) build.Request {
				req.Stages[1].Images = []build.ImageUse{{Ref: "seaworthy.local/test/base:latest", Line: req.Stages[1].Line}}
				return req
			}
			u, _ := y.fail(t, variants(images(y.request(t, dir, "=runtime")), "own"))
			if u.Kind != release.KindProject || !strings.Contains(u.Error(), row.said) || !strings.Contains(u.Hint, "ARG ") {
				t.Errorf("%v, %s, hint %q", u, u.Kind, u.Hint)
			}
			y.build(t, variants(images(y.request(t, dir, "=runtime")), "own", "runtime"))
		})
	}
}

// Whoever of those that share an operation is understood last has its reason, too.
func TestEachStageOfASharedInstructionSaysWhyItRan(t *testing.T) {
	y := newYard(t)
	var dockerfile strings.Builder
	var targets []string
	for i := range 12 {
		fmt.Fprintf(&dockerfile, "FROM busybox AS s%d\nCOPY a /a\nRUN true %d\n", i, i)
		targets = append(targets, fmt.Sprintf("s%d", i))
	}
	dir := project(t, map[string]string{"a": "a\n", "Dockerfile": dockerfile.String()})
	res, _ := y.build(t, y.request(t, dir, targets...))
	for i := range 3 {
		write(t, filepath.Join(dir, "a"), fmt.Sprintln(i))
		req := y.request(t, dir, targets...)
		req.Before = res.Made
		res, _ = y.build(t, req)
		for _, s := range res.Steps {
			if len(s.Because) == 0 || s.Because[0].Kind != release.ReasonFiles {
				t.Errorf("%s ran because of %v", s.Key, s.Because)
			}
		}
	}
}
