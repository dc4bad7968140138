package tui

import (
	"bytes"
	"strings"
	"testing"

	"github.com/charmbracelet/x/ansi"
	"github.com/google/go-cmp/cmp"

	"github.com/seaworthyhq/seaworthy/internal/event"
	"github.com/seaworthyhq/seaworthy/internal/release"
)

func TestOfAPlanNothingIsCutOff(t *testing.T) {
	plan := event.Plan{
		Text: "shop/local: deploy r-2 over r-1\n",
		Changes: []event.Change{
			{Service: "db", Kind: event.Unchanged, Action: "unchanged"},
			{
				Service: "web", Kind: event.Changed, Action: "replace 1 replica, stop-first",
				Causes:       []string{"environment: ONE changed, TWO changed, THREE added, FOUR removed"},
				Interruption: "requests to web wait while it is replaced, at most 10s",
			},
		},
		Rounds: []string{"stop old web 1, old web 2, old web 3, old web 4, old web 5"},
	}
	want := `
shop/local: deploy r-2 over r-1
    db   unchanged
  ~ web  replace 1 replica, stop-first
         environment: ONE changed, TWO
         changed, THREE added, FOUR removed
         ! requests to web wait while it is
         replaced, at most 10s

  1. stop old web 1, old web 2, old web 3,
     old web 4, old web 5
`
	for _, color := range []bool{false, true} {
		got := planLines(Output{Width: 45, Color: color}, plan)
		for i := range got {
			if ansi.StringWidth(got[i]) > 45 {
				t.Errorf("wider than the terminal: %q", got[i])
			}
			got[i] = strings.TrimRight(ansi.Strip(got[i]), " ")
		}
		if diff := cmp.Diff(want, strings.Join(got, "\n")); diff != "" {
			t.Errorf("-want +got\n%s", diff)
		}
	}
}

func TestNothingToTakeDownIsSaid(t *testing.T) {
	var out bytes.Buffer
	r := New(Options{Out: &out, Mode: Plain, Color: ColorNever})
	r.Emit(event.Event{Type: event.TypePlan, Plan: &event.Plan{
		Environment: release.Environment{Project: "shop", Name: "local"}, Text: "shop/local: is down, nothing to do\n", Empty: true,
	}})
	if err := r.Close(nil); err != nil {
		t.Fatal(err)
	}
	if got := out.String(); !strings.HasPrefix(got, "✓ shop/local is down: nothing to do") {
		t.Errorf("it shows %q", got)
	}
}
