package tui

import (
	"testing"

	"github.com/seaworthyhq/seaworthy/internal/release"
)

func TestReasonsFitARow(t *testing.T) {
	for want, because := range map[string][]release.Reason{
		"":                     nil,
		"main.go changed (+4)": {{Kind: release.ReasonFiles, Names: []string{"~main.go", "+new.go"}, Modified: 4, Added: 1}},
		"new.go is new":        {{Kind: release.ReasonFiles, Names: []string{"+new.go"}, Added: 1}},
		"old.go is gone (+1)": {
			{Kind: release.ReasonFiles, Names: []string{"-old.go"}, Removed: 1},
			{Kind: release.ReasonArgument, Names: []string{"VERSION"}},
		},
		"argument VERSION changed (+1)":    {{Kind: release.ReasonArgument, Names: []string{"VERSION", "COMMIT"}}},
		"line 12 changed":                  {{Kind: release.ReasonInstruction, Line: 12}},
		"line 11 changed":                  {{Kind: release.ReasonInstruction, Line: 12, Follows: 11}},
		"golang:1.26 moved":                {{Kind: release.ReasonBase, Names: []string{"golang:1.26"}}},
		"golang:1.26 instead of debian:12": {{Kind: release.ReasonBase, Names: []string{"golang:1.26", "debian:12"}}},
		"run.sh has another mode (+1)":     {{Kind: release.ReasonFiles, Names: []string{"=run.sh", "=stop.sh"}, Modes: 2}},
		"the ignore file changed":          {{Kind: release.ReasonIgnore, Names: []string{"-docs/a"}, Removed: 3}},
		"builder ran again":                {{Kind: release.ReasonAgain, Names: []string{"stage:builder"}}, {Kind: release.ReasonAgain, Names: []string{"stage:builder"}}},
		"builder changed":                  {{Kind: release.ReasonStage, Names: []string{"stage:builder"}}, {Kind: release.ReasonStage, Names: []string{"stage:builder"}}},
		"without the cache":                {{Kind: release.ReasonAsked}, {Kind: release.ReasonStage, Names: []string{"stage:base"}}},
		"never built here":                 {{Kind: release.ReasonFirst}},
		"ADD https://x: fetched another":   {{Kind: release.ReasonFetched, Text: "ADD https://x:\nfetched \x1b[1manother"}},
		"a stage":                          {{Kind: release.ReasonStage, Text: "a stage"}},
	} {
		if got := (&step{because: because}).reason(); got != want {
			t.Errorf("%q, not %q", got, want)
		}
	}
}
