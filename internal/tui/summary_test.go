package tui

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

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

func TestThatACheckWhichWasInterruptedLeavesNoReportsIsSaid(t *testing.T) {
	v := newView(time.Now())
	begin := func(name, dir string) {
		v.apply(event.Event{Graph: &event.Graph{Steps: []event.Node{{Key: "stage:" + name, Name: name, Role: checkRole, Reports: dir}}}}, time.Now())
		v.apply(event.Event{Step: &event.Step{Key: "stage:" + name, State: event.Started}}, time.Now())
	}
	warning := func() string { return strings.Join(v.lostReports(Output{}, Options{}), "\n") }
	begin("lint", "")
	if got := warning(); got != "" {
		t.Errorf("of none that were asked for it says %s", got)
	}
	begin("test", ".seaworthy/reports/test")
	if got, want := warning(), "warning: reports of test: none are kept, since it was stopped; what .seaworthy/reports/test has is of an earlier run"; got != want {
		t.Errorf("it says %s", got)
	}
	begin("race", ".seaworthy/reports/race")
	if got, want := warning(), "warning: reports of test, race: none are kept, since they were stopped; what their folders have is of an earlier run"; got != want {
		t.Errorf("of two it says %s", got)
	}
}

func TestStagesThatWaitedWhenAllEndedShareARow(t *testing.T) {
	c := newCrowded(100)
	for i := range 90 {
		c.instruction(i, event.Started)
		if i%30 != 0 { // the others are at something
			key := fmt.Sprint("stage:s", i)
			c.apply(event.Event{Instruction: &event.Instruction{Digest: key, Steps: []string{key}, State: event.Done}}, c.now)
		}
	}
	got := strings.Join(c.stageRows(Output{}, Options{}, c.stages(), c.now.Add(time.Second)), "\n")
	want := "■ s0   check  not finished                                                                               1.0 s\n" +
		"■ 87 stages not finished: s1, s2, s3, s4, s5, s6 and 81 more\n" +
		"■ s30  check  not finished                                                                               1.0 s\n" +
		"■ s60  check  not finished                                                                               1.0 s\n" +
		"○ 10 stages not started: s90, s91, s92, s93, s94, s95 and 4 more"
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
}

// What a stage took is what it worked, and one that has only looked up its base has not begun: both may have waited for long.
func TestOfStagesThatWaitedTheSummarySaysWhatTheyWorked(t *testing.T) {
	now := time.Date(2026, 1, 2, 15, 4, 5, 0, time.UTC)
	v := newView(now)
	change := func(name, text string, state event.State) {
		key := "stage:" + name
		v.apply(event.Event{Instruction: &event.Instruction{Digest: key + text, Steps: []string{key}, Line: 1, Text: text, State: state}}, now)
	}
	for _, name := range []string{"web", "test", "assets"} {
		v.apply(event.Event{Graph: &event.Graph{Steps: []event.Node{{Key: "stage:" + name, Name: name}}}}, now)
		v.apply(event.Event{Step: &event.Step{Key: "stage:" + name, State: event.Started}}, now)
		change(name, "FROM debian", event.Cached)
		change(name, "RUN make", event.Pending)
	}
	change("test", "COPY . .", event.Started)
	now = now.Add(time.Second)
	change("test", "COPY . .", event.Done)
	now = now.Add(4 * time.Second)
	change("assets", "RUN make", event.Started)
	now = now.Add(2 * time.Second)
	var got []string
	for _, row := range v.stageRows(Output{}, Options{}, v.stages(), now) {
		got = append(got, strings.Join(strings.Fields(row), " "))
	}
	if diff := cmp.Diff([]string{"○ web not started", "■ test not finished 1.0 s", "■ assets not finished 2.0 s"}, got); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
}

func TestStagesWithNothingToRunDoNotComeFromCache(t *testing.T) {
	v := newView(time.Now())
	cached := func(name string, empty bool, tests release.Tests) {
		v.apply(event.Event{Step: &event.Step{Key: "stage:" + name, State: event.Cached, Empty: empty, Tests: &tests}}, time.Now())
	}
	rows := func() string { return strings.Join(v.stageRows(Output{}, Options{}, v.stages(), time.Now()), "\n") }
	cached("a", true, release.Tests{})
	cached("test", false, release.Tests{Total: 142})
	if got := strings.Join(strings.Fields(rows()), " "); got != "✓ a nothing to run <1 ms ✓ test 142 tests passed · from cache <1 ms" {
		t.Errorf("it says\n%s", got)
	}
	cached("b", true, release.Tests{})
	cached("c", false, release.Tests{})
	if got, want := rows(), "✓ 2 stages with nothing to run: a, b\n✓ 2 stages from cache: test, c"; got != want {
		t.Errorf("it says\n%s", got)
	}
}

func TestAStageThatWasStoppedSaysAtWhatAndEndsWithItsLog(t *testing.T) {
	v := newView(time.Now())
	for _, name := range []string{"test", "lint", "later"} {
		key := "stage:" + name
		v.apply(event.Event{Graph: &event.Graph{Steps: []event.Node{{Key: key, Name: name, Role: checkRole}}}}, time.Now())
		in := event.Instruction{Digest: key, Steps: []string{key}, Line: 3, Text: "RUN --mount=type=cache,target=/c make " + name, State: event.Stopped}
		if name != "later" { // which was not come to
			in.Took = time.Second
			v.apply(event.Event{Log: &event.Log{Steps: []string{key}, Line: name + " hangs"}}, time.Now())
		}
		v.apply(event.Event{Instruction: &in}, time.Now())
		v.apply(event.Event{Step: &event.Step{Key: key, State: event.Stopped, Took: in.Took}}, time.Now())
	}
	want := `■ test   check  stopped: RUN make test                                                                   1.0 s
■ lint   check  stopped: RUN make lint                                                                   1.0 s
■ later  check  stopped`
	if diff := cmp.Diff(want, strings.Join(v.stageRows(Output{}, Options{}, v.stages(), time.Now()), "\n")); diff != "" {
		t.Error(diff)
	}
	want = `
end of the log of test
│ test hangs

end of the log of lint
│ lint hangs`
	if diff := cmp.Diff(want, strings.Join(v.unfinishedLogs(Output{}), "\n")); diff != "" {
		t.Error(diff)
	}
}
