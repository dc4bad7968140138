package tui

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"github.com/seaworthyhq/seaworthy/internal/event"
)

func TestOfVeryManyStagesThatOneCopiesFromTheFirstAreListed(t *testing.T) {
	graph := event.Graph{}
	all := event.Node{Key: "stage:all", Name: "all", Role: "image", Line: 200, EndLine: 400}
	for i := range 182 {
		n := event.Node{Key: fmt.Sprintf("stage:s%d", i), Name: fmt.Sprintf("s%d", i), Role: "image", Line: i + 1}
		graph.Steps = append(graph.Steps, n)
		all.From = append(all.From, event.Edge{Kind: "copy", Step: n.Key})
	}
	graph.Steps = append(graph.Steps, all)
	for verbose, want := range map[bool]string{
		false: "copies s0, s1, s2, s3, s4, s5, s6, s7, s8, s9, s10, s11 and 170 more",
		true:  "s178, s179, s180, s181",
	} {
		var out bytes.Buffer
		r := New(Options{Out: &out, Err: &out, Mode: Plain, Stages: true, Verbose: verbose})
		r.Emit(event.Event{Graph: &graph})
		if err := r.Close(nil); err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(out.String(), want) || strings.Contains(out.String(), " more") == verbose {
			t.Errorf("verbose %v: there is no %q:\n%s", verbose, want, out.String())
		}
	}
}
