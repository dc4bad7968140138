package graph_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/seaworthyhq/seaworthy/internal/graph"
	"github.com/seaworthyhq/seaworthy/internal/project"
)

// named is a project of one Dockerfile of that name with so many stages, each from the one before.
func named(file string, stages int) *project.Project {
	d := &project.Dockerfile{File: file}
	for i := range stages {
		s := project.Stage{Key: fmt.Sprintf("stage:s%d", i), Name: fmt.Sprintf("s%d", i), Line: i + 1, From: project.Edge{Kind: project.EdgeFrom, Image: "debian"}}
		if i > 0 {
			s.From = project.Edge{Kind: project.EdgeFrom, Stage: d.Stages[i-1].Key}
		}
		d.Stages = append(d.Stages, s)
	}
	return &project.Project{Name: "shop", Dockerfiles: []*project.Dockerfile{d}}
}

// TestMermaidIsToldNothingByAName has names with what Mermaid takes for a directive and for a formula even within quotes.
func TestMermaidIsToldNothingByAName(t *testing.T) {
	got := graph.New(named("50%/%%{init: {}}%%/$$x$$/$HOME", 1)).Mermaid()
	if want := `subgraph d0["50%/#37;#37;{init: {}}#37;#37;/#36;#36;x#36;#36;/$HOME"]`; !strings.Contains(got, want) {
		t.Errorf("there is no %s:\n%s", want, got)
	}
}

func TestWhatMermaidDoesNotShowIsTold(t *testing.T) {
	if beyond := graph.New(named("Dockerfile", 500)).BeyondMermaid(); beyond != "" {
		t.Errorf("of 500 arrows it says %q", beyond)
	}
	if beyond := graph.New(named("Dockerfile", 501)).BeyondMermaid(); !strings.Contains(beyond, "500 arrows and 50000 characters") || !strings.Contains(beyond, "these are 501 and ") {
		t.Errorf("of 501 arrows it says %q", beyond)
	}
}
