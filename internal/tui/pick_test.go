package tui

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/seaworthyhq/seaworthy/internal/event"
	"github.com/seaworthyhq/seaworthy/internal/release"
)

func TestOfManyStagesThoseArePickedOfWhichThereIsMostToSay(t *testing.T) {
	all := make([]merit, 300)
	for i := range all {
		all[i].took = time.Duration(i) * time.Millisecond
	}
	all[3].must, all[5].own, all[7].tests, all[9].path = true, true, true, true
	var got []int
	picked := pick(all)
	for i := range all {
		if picked[i] {
			got = append(got, i)
		}
	}
	want := []int{3, 5, 7, 9}
	for i := 300 - (pickedRows - 3); i < 300; i++ {
		want = append(want, i)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
	if got, want := unpicked(all, picked), "and 283 more, none over 286 ms"; got != want {
		t.Errorf("it says %q, not %q", got, want)
	}
}

func TestAllThatFailedArePicked(t *testing.T) {
	all := make([]merit, 300)
	for i := range all {
		all[i].must = true
	}
	if rest := unpicked(all, pick(all)); rest != "" {
		t.Errorf("of 300 failures it says %q", rest)
	}
}

func TestOfFewStagesAllArePicked(t *testing.T) {
	all := make([]merit, maxDrawn)
	if rest := unpicked(all, pick(all)); rest != "" {
		t.Errorf("of %d stages it says %q", maxDrawn, rest)
	}
}

func TestTheSummaryOfManyStagesFitsAPage(t *testing.T) {
	for verbose, want := range map[bool]string{false: "  and 183 more, none over 184 ms: seaworthy why lists all\n", true: ""} {
		var out bytes.Buffer
		r := New(Options{Out: &out, Err: &out, Mode: Plain, Verbose: verbose})
		graph := event.Graph{}
		for i := range 200 {
			graph.Steps = append(graph.Steps, event.Node{Key: fmt.Sprint("stage:s", i), Name: fmt.Sprint("s", i), Role: checkRole})
		}
		r.Emit(event.Event{Graph: &graph})
		for i := range 200 {
			step := event.Step{Key: fmt.Sprint("stage:s", i), State: event.Done, Took: time.Duration(i) * time.Millisecond}
			switch i {
			case 0:
				step.Because = []release.Reason{{Kind: release.ReasonFiles, Text: "COPY . .: main.go changed", Names: []string{"~main.go"}}}
			case 1:
				step.State, step.Error = event.Failed, "exit code 1"
			}
			r.Emit(event.Event{Step: &step})
		}
		_ = r.Close(nil)
		_, summary, _ := strings.Cut(out.String(), "\n\n")
		rows := strings.Count(summary, " check ")
		if verbose && rows != 200 || !verbose && rows != pickedRows+1 {
			t.Errorf("verbose %v: %d stages have rows:\n%s", verbose, rows, summary)
		}
		if !strings.Contains(summary, want) {
			t.Errorf("there is no %q:\n%s", want, summary)
		}
		for _, text := range []string{"s0    check", "s1    check", "s199  check"} {
			if !strings.Contains(summary, text) {
				t.Errorf("verbose %v: there is no %q:\n%s", verbose, text, summary)
			}
		}
	}
}

func TestWhatWasKeptOfManyChecksIsSummedUp(t *testing.T) {
	v := newView(time.Now())
	for i := range 40 {
		r := event.Report{Step: fmt.Sprint("stage:s", i), Path: fmt.Sprint(".seaworthy/reports/web/s", i), Files: 2, Bytes: 500, Tests: release.Tests{Total: 3}}
		switch i {
		case 7:
			r.Tests.Failed, r.Failures = 1, []string{"TestParse"}
		case 8:
			r.Files, r.Bytes, r.Tests = 0, 0, release.Tests{}
		case 9: // of another Dockerfile
			r.Path = ".seaworthy/reports/api/s9"
		}
		v.apply(event.Event{Report: &r}, time.Now())
	}
	want := []string{
		"  s7  kept 2 files, 500 B, in .seaworthy/reports/web/s7: 3 tests, 1 failed: TestParse",
		"  s8  nothing to keep in .seaworthy/reports/web/s8",
		"  38 checks  kept 76 files, 19 kB, in .seaworthy/reports: 114 tests passed",
	}
	if diff := cmp.Diff(want, v.reportLines(Output{}, false)); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
	if lines := v.reportLines(Output{}, true); len(lines) != 40 {
		t.Errorf("of all 40 %d lines tell", len(lines))
	}
}

func TestTheTimesOfManyStagesFitAPage(t *testing.T) {
	times := release.Times{}
	began := time.Date(2026, 1, 2, 15, 4, 5, 0, time.UTC)
	for i := range 200 {
		times.Steps = append(times.Steps, release.StepRun{
			Key: fmt.Sprint("stage:s", i), Name: fmt.Sprint("s", i), Role: checkRole, State: "done", Started: began,
			Worked:  release.Spells{{Started: began, Ended: began.Add(time.Duration(i) * time.Millisecond)}},
			Because: []release.Reason{{Kind: release.ReasonFirst, Text: "never built here"}},
		})
	}
	for all, want := range map[bool]int{false: pickedRows, true: 200} {
		var b bytes.Buffer
		if err := WriteTimes(Output{Writer: &b}, times, all); err != nil {
			t.Fatal(err)
		}
		if got := strings.Count(b.String(), " check "); got != want {
			t.Errorf("all %v: %d rows:\n%s", all, got, b.String())
		}
		if rest := strings.Contains(b.String(), "and 184 more, none over 183 ms: --verbose shows all\n"); rest == all {
			t.Errorf("all %v:\n%s", all, b.String())
		}
		if got := strings.Count(b.String(), "never built here"); got != 1 {
			t.Errorf("all %v: %d times that it was never built here", all, got)
		}
	}
}
