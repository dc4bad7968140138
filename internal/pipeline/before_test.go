package pipeline

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/seaworthyhq/seaworthy/internal/cause"
	"github.com/seaworthyhq/seaworthy/internal/graph"
	"github.com/seaworthyhq/seaworthy/internal/project"
)

// Another service changes what stages are called, and not what is known of them.
func TestWhatIsRecordedOfAStageOutlivesItsName(t *testing.T) {
	dir := t.TempDir()
	for name, content := range map[string]string{
		"Dockerfile":      "FROM busybox AS deps\nFROM deps AS builder\nARG APP\nRUN true\nFROM builder AS test\nRUN true\nFROM builder AS web\nRUN true\n",
		"jobs/Dockerfile": "FROM busybox AS test\nRUN true\nFROM busybox AS job\nRUN true\n",
		"compose.yaml": `
services:
  web: {build: .}
  api: {build: {context: ., args: {APP: api}}}
  cron: {build: jobs}
  mail: {build: jobs}
`,
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
	made := func(key string) cause.Made {
		return cause.Made{Operations: []cause.Operation{{Text: "of " + key, Stages: []string{"stage:other", key}}}}
	}
	before := map[string]cause.Made{} // of a project with web and cron alone; the test of web was not built yet
	for _, key := range []string{"stage:deps", "stage:builder", "stage:web", "stage:cron/test", "stage:cron/job"} {
		before[key] = made(key)
	}
	got := map[string]string{}
	for key, m := range recorded(before, graph.New(p)) {
		if _, known := before[key]; !known || key == "stage:deps" {
			got[key] = m.Operations[0].Text + " " + m.Operations[0].Stages[1]
		}
	}
	want := map[string]string{
		"stage:deps":           "of stage:deps stage:deps",
		"stage:api/builder":    "of stage:builder stage:api/builder",
		"stage:web/builder":    "of stage:builder stage:web/builder",
		"stage:api/web":        "of stage:web stage:api/web",
		"stage:web/web":        "of stage:web stage:web/web",
		"stage:cron+mail/test": "of stage:cron/test stage:cron+mail/test",
		"stage:cron+mail/job":  "of stage:cron/job stage:cron+mail/job",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
}
