package tui

import (
	"strings"
	"testing"
	"time"

	"github.com/seaworthyhq/seaworthy/internal/event"
	"github.com/seaworthyhq/seaworthy/internal/release"
)

func TestThatAllWasNeverBuiltBeforeIsSaidOnce(t *testing.T) {
	v := newView(time.Now())
	build := func(name string, because ...release.Reason) {
		key := "stage:" + name
		v.apply(event.Event{Instruction: &event.Instruction{Digest: key, Steps: []string{key}, Line: 1, State: event.Done}}, time.Now())
		v.apply(event.Event{Step: &event.Step{Key: key, State: event.Done, Because: because}}, time.Now())
	}
	rows := func(verbose bool) string {
		return strings.Join(v.stageRows(Output{}, Options{Verbose: verbose}, v.stages(), time.Now()), "\n")
	}
	first := release.Reason{Kind: release.ReasonFirst, Text: "never built here"}

	build("base", first)
	if got := rows(false); !strings.Contains(got, "1 instruction · never built here") || strings.Contains(got, allFirst) {
		t.Errorf("of one stage it says\n%s", got)
	}
	build("web", first)
	if got := rows(false); strings.Contains(got, "· never built here") || !strings.HasSuffix(got, "\n  "+allFirst) {
		t.Errorf("of two stages it says\n%s", got)
	}
	if got := rows(true); strings.Count(got, "because   never built here") != 2 {
		t.Errorf("with --verbose it says\n%s", got)
	}
	build("test", release.Reason{Kind: release.ReasonArgument, Names: []string{"V"}})
	if got := rows(false); strings.Count(got, "· never built here") != 2 || strings.Contains(got, allFirst) {
		t.Errorf("where one has another reason it says\n%s", got)
	}
}
