package pipeline

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/seaworthyhq/seaworthy/internal/graph"
	"github.com/seaworthyhq/seaworthy/internal/project"
	"github.com/seaworthyhq/seaworthy/internal/release"
)

// A release says of each of its checks that it passed, or that it was skipped; stages of the image and of developers are none.
func TestChecksAreRecordedWithTheirResult(t *testing.T) {
	dir := t.TempDir()
	for name, content := range map[string]string{
		"Dockerfile":      "FROM busybox AS builder\nFROM builder AS test\nRUN true\nFROM builder AS bench\nRUN true\nFROM builder AS dev\nRUN true\nFROM builder\nCMD [\"x\"]\n",
		"jobs/Dockerfile": "FROM busybox AS test\nRUN true\nFROM busybox\nCMD [\"x\"]\n",
		"seaworthy.yaml":  "checks: {bench: skip}\n",
		"compose.yaml":    "services: {web: {build: .}, jobs: {build: jobs}}\n",
	} {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	p, err := project.Load(t.Context(), project.Options{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	tests := release.Tests{Total: 3, Skipped: 1}
	want := []release.Check{
		{Stage: "test", Result: release.CheckPassed, Tests: tests},
		{Stage: "bench", Result: release.CheckSkipped},
		{Stage: "jobs/test", Result: release.CheckPassed},
	}
	if diff := cmp.Diff(want, checks(graph.New(p), map[string]release.StepRun{"stage:test": {Tests: tests}}), cmpopts.IgnoreFields(release.Check{}, "Why")); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
}
