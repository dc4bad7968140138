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
