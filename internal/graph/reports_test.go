package graph_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/seaworthyhq/seaworthy/internal/graph"
	"github.com/seaworthyhq/seaworthy/internal/release"
)

const chain = `
-- Dockerfile --
FROM golang AS builder
RUN go build
FROM builder AS tools
RUN install
FROM tools AS unit
RUN unit
FROM tools AS lint
RUN lint
FROM unit AS named
ENV A=1
FROM named AS slow
RUN slow
FROM scratch
COPY --from=builder /x /x
-- seaworthy.yaml --
checks:
  unit: {reports: /reports, timeout: 10m}
  builder: {reports: /reports}
`

func TestEachCheckThatRunsSomethingIsAskedFor(t *testing.T) {
	g := graph.New(load(t, chain))
	var checks []graph.Target
	for _, target := range g.Targets() {
		if !target.Image {
			checks = append(checks, target)
		}
	}
	want := []graph.Target{
		{Key: "stage:tools", Target: "tools"},
		{Key: "stage:unit", Target: "unit", Reports: []string{"/reports"}, ReportsDir: ".seaworthy/reports/unit"},
		{Key: "stage:lint", Target: "lint"},
		{Key: "stage:slow", Target: "slow"},
	}
	if diff := cmp.Diff(want, checks); diff != "" {
		t.Error(diff)
	}
	if got := g.Node("stage:unit").Timeout; got != release.Duration(10*time.Minute) {
		t.Errorf("time limit of unit: %v", got)
	}
}

func TestReportsOfAnImageAreNoSilence(t *testing.T) {
	g := graph.New(load(t, chain))
	if len(g.Warnings) != 1 || g.Warnings[0].Message != "the reports of builder are not kept, since it is no check: the image of app needs it" {
		t.Errorf("warnings %v", g.Warnings)
	}
}

func TestACheckThatIsAdvisedHasAnotherNameThanItsStage(t *testing.T) {
	g := graph.New(load(t, `
-- Dockerfile --
FROM busybox AS test
RUN true
FROM test AS app
RUN true
-- compose.yaml --
services: {app: {build: .}}
-- seaworthy.yaml --
checks: {test: {reports: /r}}
`))
	if len(g.Warnings) != 1 || g.Warnings[0].Hint != "let a stage of its own run the tests: FROM test AS check" {
		t.Errorf("warnings %+v", g.Warnings)
	}
}

func TestWhatHasToBeSkippedForAStage(t *testing.T) {
	g := graph.New(load(t, chain))
	for stage, want := range map[string][]string{
		"stage:slow":    {"slow"},
		"stage:unit":    {"unit", "slow"}, // seaworthy.yaml says to run it, so it would go on being built
		"stage:tools":   {"unit", "lint", "slow"},
		"stage:builder": nil,
	} {
		if diff := cmp.Diff(want, g.Skips(stage)); diff != "" {
			t.Errorf("%s: %s", stage, diff)
		}
	}
}
