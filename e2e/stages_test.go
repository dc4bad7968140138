package e2e

import (
	"encoding/json"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// staged is a project with a check that has no name, one that shares its name with another, and stages that are not built.
var staged = map[string]string{
	"Dockerfile": `FROM busybox AS builder
RUN echo built > /app
FROM builder
RUN grep -q built /app
FROM builder AS test
RUN test ! -e /broken
FROM builder AS test
COPY state /state
RUN test ! -s /state
FROM builder AS dev
RUN exit 1
FROM builder AS idle
CMD ["true"]
FROM busybox AS web
COPY --from=builder /app /www/app
CMD ["httpd", "-f", "-p", "8080", "-h", "/www"]
`,
	"compose.yaml": "services: {web: {build: ., ports: ['127.0.0.1:{{port}}:8080'], stop_grace_period: 1s}}\n",
	"state":        "",
}

func TestConfigSaysWhatEachStageIsFor(t *testing.T) {
	t.Parallel()
	s := newSite(t, staged)
	var config struct {
		Name   string
		Stages []struct{ Key, Name, Role, Why string }
	}
	if err := json.Unmarshal([]byte(s.run(0, "config", "--json")), &config); err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, stage := range config.Stages {
		got = append(got, stage.Key+" is "+stage.Role+": "+stage.Why)
	}
	want := []string{
		"stage:builder is image: the image of web needs it",
		"stage:stage-1 is check: no image needs it",
		"stage:test-1 is check: no image needs it",
		"stage:test is check: no image needs it",
		"stage:dev is other: its name says it is for developers",
		"stage:idle is check: no image needs it",
		"stage:web is image: web is built from it",
	}
	if !slices.Equal(got, want) || config.Name == "" {
		t.Errorf("config of %q has the stages\n%s", config.Name, strings.Join(got, "\n"))
	}
}

func TestPlanListsEveryStage(t *testing.T) {
	t.Parallel()
	s := newSite(t, staged)
	out := s.run(0, "plan")
	if want := `stages of Dockerfile: 2 for images, 4 checks, 1 not built
    stage    role   lines  from                     why
◆   builder  image  1-2    busybox                  the image of web needs it
├─◇ stage-1  check  3-4    builder                  no image needs it
├─◇ test-1   check  5-6    builder                  no image needs it
├─◇ test     check  7-9    builder                  no image needs it
├─– dev      other  10-11  builder                  not built: its name says it is for developers
├─◇ idle     check  12-13  builder                  no image needs it; it runs nothing, so it proves nothing
◆   web      image  14-16  busybox; copies builder  web is built from it
`; !strings.HasPrefix(out, want) {
		t.Errorf("plan begins with\n%s\nnot with\n%s", out, want)
	}
	first, _, _ := strings.Cut(s.run(0, "plan", "--json"), "\n")
	var e struct {
		Type  string
		Graph struct {
			Steps []struct {
				Key, File     string
				Line, EndLine int
				From          []struct{ Kind, Step, Image string }
			}
		}
	}
	if err := json.Unmarshal([]byte(first), &e); err != nil || e.Type != "graph" || len(e.Graph.Steps) != 7 {
		t.Fatalf("%v: %s", err, first)
	}
	if web := e.Graph.Steps[6]; web.File != "Dockerfile" || web.Line != 14 || web.EndLine != 16 || len(web.From) != 2 || web.From[1].Step != "stage:builder" {
		t.Errorf("%+v", web)
	}

	s.write("state", "bad")
	s.refused(5, []string{"up"}, "test", "RUN test ! -s /state")
	s.write("seaworthy.yaml", "checks: {test: skip, stage-1: skip}\n")
	s.up(0)
	if out := s.run(0, "plan"); !strings.Contains(out, "stage-1  check  3-4") || strings.Count(out, "not built: seaworthy.yaml says to skip it") != 2 {
		t.Errorf("plan lists what is skipped as\n%s", out)
	}
}

func TestBesideAGraphOnlyWarningsArePrinted(t *testing.T) {
	t.Parallel()
	s := newSite(t, map[string]string{"Dockerfile": "FROM busybox\nCMD [\"sleep\", \"600\"]\n"})
	const note = "no port leads to it"
	if r := s.try("plan", "--graph", "mermaid"); r.code != 0 || r.err != "" || !strings.HasPrefix(r.out, "flowchart") {
		t.Errorf("%+v", r)
	}
	if r := s.try("plan", "--graph", "mermaid", "--verbose"); r.code != 0 || !strings.Contains(r.err, note) || strings.Contains(r.out, note) {
		t.Errorf("with --verbose: %+v", r)
	}
	s.write("Dockerfile", "FROM busybox AS proof\nCMD [\"true\"]\nFROM busybox\nEXPOSE 80\n")
	if r := s.try("plan", "--graph", "mermaid"); r.code != 0 || !strings.Contains(r.err, "warning: ") || strings.Contains(r.out, "warning") {
		t.Errorf("with a check that proves nothing: %+v", r)
	}
}

// The graph is drawn where nothing runs, and nothing runs for it.
func TestTheGraphIsDrawnWithoutAnEngine(t *testing.T) {
	t.Parallel()
	s := newSite(t, staged)
	root := filepath.Join(t.TempDir(), "root")
	for form, word := range map[string]string{"mermaid": "s0 -->|COPY| s6", "dot": "s0 -> s6 [label=\"COPY\"]", "json": `"from": "stage:builder"`} {
		cmd := s.command("plan", "--graph", form, "--root", root)
		out, err := cmd.Output()
		if err != nil || !strings.Contains(string(out), word) {
			t.Errorf("--graph %s: %v\n%s", form, err, out)
		}
	}
	if out, err := exec.Command("ls", root).CombinedOutput(); err == nil {
		t.Errorf("it has made %s:\n%s", root, out)
	}
	s.refused(2, []string{"plan", "--graph", "svg"}, "--graph takes mermaid, dot, json")
	s.refused(2, []string{"plan", "--graph", "dot", "--json"}, "cannot both be had")
	s.refused(2, []string{"plan", "--graph", "dot", "-o", "x"}, "makes no plan")
	s.write("Dockerfile", "FORM x\n")
	if r := s.try("plan", "--graph", "json", "--json"); r.code != 3 || !strings.HasPrefix(r.out, "{\n  \"error\": {") {
		t.Errorf("without a graph, the result is %d %s", r.code, r.out)
	}
}
