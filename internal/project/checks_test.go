package project_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/seaworthyhq/seaworthy/internal/project"
	"github.com/seaworthyhq/seaworthy/internal/release"
)

func TestAMappingMeansThatTheCheckRuns(t *testing.T) {
	p, err := project.Load(t.Context(), project.Options{Dir: unpackText(t, `
-- Dockerfile --
FROM alpine AS debug
RUN true
FROM alpine AS lint
RUN true
FROM alpine
EXPOSE 80
-- seaworthy.yaml --
checks:
  debug: {reports: /src/reports/, timeout: 1m30s}
  lint: {reports: [/a.xml, "/src/**/*.xml"]}
`)})
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]project.CheckRule{
		"debug": {Say: project.CheckRun, Reports: []string{"/src/reports"}, Timeout: release.Duration(90 * time.Second)},
		"lint":  {Say: project.CheckRun, Reports: []string{"/a.xml", "/src/**/*.xml"}},
	}
	if diff := cmp.Diff(want, p.Checks); diff != "" {
		t.Error(diff)
	}
}

func TestReportsAreKeptBelowTheProject(t *testing.T) {
	for _, tc := range []struct{ dockerfile, stage, want string }{
		{"", "test", ".seaworthy/reports/test"},
		{"api", "test", ".seaworthy/reports/api/test"},
		{"..", "test", ""},
		{".", "test", ""},
	} {
		if got := project.ReportsDir(tc.dockerfile, tc.stage); got != tc.want {
			t.Errorf("%s/%s: %q, want %q", tc.dockerfile, tc.stage, got, tc.want)
		}
	}
}

func TestTheMorePreciseNameCountsForEachKey(t *testing.T) {
	minute, second := release.Duration(time.Minute), release.Duration(time.Second)
	for name, tc := range map[string]struct {
		checks map[string]project.CheckRule
		want   project.CheckRule
	}{
		"each says something else": {
			map[string]project.CheckRule{"test": {Say: project.CheckRun, Reports: []string{"/r"}}, "a/test": {Say: project.CheckRun, Timeout: second}},
			project.CheckRule{Say: project.CheckRun, Reports: []string{"/r"}, Timeout: second},
		},
		"all say the same": {
			map[string]project.CheckRule{
				"test":     {Say: project.CheckRun, Reports: []string{"/r"}, Timeout: minute},
				"a/test":   {Say: project.CheckRun, Reports: []string{"/a"}},
				"b/test":   {Say: project.CheckRun, Reports: []string{"/b"}, Timeout: second},
				"a+b/test": {Say: project.CheckRun, Reports: []string{"/ab"}},
			},
			project.CheckRule{Say: project.CheckRun, Reports: []string{"/ab"}, Timeout: second},
		},
		"skipped by the less precise": {
			map[string]project.CheckRule{"test": {Say: project.CheckSkip}, "a/test": {Say: project.CheckRun, Timeout: second}},
			project.CheckRule{Say: project.CheckRun, Timeout: second},
		},
		"skipped by the more precise": {
			map[string]project.CheckRule{"test": {Say: project.CheckRun, Reports: []string{"/r"}}, "a+b/test": {Say: project.CheckSkip}},
			project.CheckRule{Say: project.CheckSkip},
		},
		"skipped for one of two": {
			map[string]project.CheckRule{"test": {Say: project.CheckRun, Reports: []string{"/r"}}, "a/test": {Say: project.CheckSkip}},
			project.CheckRule{Say: project.CheckRun, Reports: []string{"/r"}},
		},
		"skipped for both": {
			map[string]project.CheckRule{"test": {Say: project.CheckRun, Reports: []string{"/r"}}, "a/test": {Say: project.CheckSkip}, "b/test": {Say: project.CheckSkip}},
			project.CheckRule{Say: project.CheckSkip},
		},
	} {
		p := &project.Project{Checks: tc.checks}
		got := p.Rule(&project.Stage{Prefix: "a+b", Name: "test", Services: []string{"a", "b"}})
		if diff := cmp.Diff(tc.want, got); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
}
