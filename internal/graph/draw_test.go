package graph_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"

	"github.com/seaworthyhq/seaworthy/internal/graph"
	"github.com/seaworthyhq/seaworthy/internal/project"
)

var update = flag.Bool("update", false, "write the goldens anew")

// TestGraphIsWritten compares what each project of testdata is drawn as with the sections of its file: "want.mermaid", "want.dot",
// "want.json", "want.roles". A new case is a new file; a new section is an empty one and -update.
func TestGraphIsWritten(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txtar")
	if err != nil || len(files) == 0 {
		t.Fatal("no projects", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txtar"), func(t *testing.T) {
			archive, err := txtar.ParseFile(file)
			if err != nil {
				t.Fatal(err)
			}
			g := graph.New(load(t, string(txtar.Format(archive))))
			for i, section := range archive.Files {
				form, ok := strings.CutPrefix(section.Name, "want.")
				if !ok {
					continue
				}
				got := write(t, g, form)
				archive.Files[i].Data = []byte(got)
				if diff := cmp.Diff(string(section.Data), got); diff != "" && !*update {
					t.Errorf("%s: -want +got\n%s", form, diff)
				}
			}
			if *update {
				if err := os.WriteFile(file, txtar.Format(archive), 0o644); err != nil {
					t.Fatal(err)
				}
			}
		})
	}
}

func write(t *testing.T, g *graph.Graph, form string) string {
	t.Helper()
	switch form {
	case "mermaid":
		return g.Mermaid()
	case "dot":
		return g.DOT()
	case "roles":
		return text(g)
	}
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	if err := enc.Encode(g); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// odd is a project whose names hold all that means something to who draws.
func odd() *project.Project {
	const name = "a\"b\\c\\N{x|y}<br/>&lt;#35;`]]})\n\x1b[31m\u202e\xff%é"
	stage := func(key string, from project.Edge, copies ...project.Edge) project.Stage {
		return project.Stage{Key: "stage:" + key, Name: key, Line: 1, From: from, Copies: copies}
	}
	return &project.Project{Name: name, Dockerfiles: []*project.Dockerfile{
		{File: name, Stages: []project.Stage{
			stage("one", project.Edge{Kind: project.EdgeFrom, Image: name}, project.Edge{Kind: project.EdgeCopy, Context: name}),
			stage("two", project.Edge{Kind: project.EdgeFrom, Stage: "stage:one"}, project.Edge{Kind: project.EdgeCopy, Stage: "stage:one"}),
		}},
		{Key: "k", File: name, Stages: []project.Stage{stage("k/one", project.Edge{Kind: project.EdgeFrom, Context: name})}},
	}}
}

func TestNamesCannotBreakOutOfADrawing(t *testing.T) {
	for form, want := range map[string][]string{
		"mermaid": {
			`x0[("a#quot;b#92;c#92;N{x|y}#lt;br/#gt;#amp;lt;#35;35;#96;]]})��[31m��%é")]`,
			"s0 -->|FROM, COPY| s1",
		},
		"dot": {
			`x0 [label="a\"b\\c\\N{x|y}<br/>&amp;lt;#35;` + "`" + `]]})��[31m��%é", shape=cylinder]`,
			`s0 -> s1 [label="FROM, COPY"]`,
		},
	} {
		got := write(t, graph.New(odd()), form)
		for _, line := range want {
			if !strings.Contains(got, "  "+line+"\n") {
				t.Errorf("%s has no line %s:\n%s", form, line, got)
			}
		}
	}
}

// TestGraphvizReadsWhatIsWritten asks Graphviz itself, where it is installed.
func TestGraphvizReadsWhatIsWritten(t *testing.T) {
	dot, err := exec.LookPath("dot")
	if err != nil {
		t.Skip("graphviz is not installed")
	}
	projects := map[string]*project.Project{"odd names": odd()}
	files, _ := filepath.Glob("testdata/*.txtar")
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		projects[file] = load(t, string(text))
	}
	for name, p := range projects {
		g := graph.New(p)
		cmd := exec.Command(dot, "-Tjson")
		cmd.Stdin = strings.NewReader(g.DOT())
		out, err := cmd.Output()
		if err != nil {
			t.Errorf("%s: %v\n%s", name, err, g.DOT())
			continue
		}
		var drawn struct {
			Objects []struct{ Name, Shape string }
			Edges   []struct{ Label string }
		}
		if err := json.Unmarshal(out, &drawn); err != nil {
			t.Fatal(err)
		}
		boxes := 0
		for _, o := range drawn.Objects {
			if o.Shape != "" {
				boxes++
			}
		}
		if boxes < len(g.Nodes) || (len(g.Edges) > 0) != (len(drawn.Edges) > 0) {
			t.Errorf("%s: %d stages became %d boxes", name, len(g.Nodes), boxes)
		}
	}
}
