package tui

import (
	"strings"
	"testing"

	"github.com/charmbracelet/x/ansi"
	"github.com/google/go-cmp/cmp"

	"github.com/seaworthyhq/seaworthy/internal/event"
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
