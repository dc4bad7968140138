package build_test

import (
	"context"
	"flag"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	dockerspec "github.com/moby/docker-image-spec/specs-go/v1"
	"github.com/rogpeppe/go-internal/txtar"

	"github.com/seaworthyhq/seaworthy/internal/build"
	"github.com/seaworthyhq/seaworthy/internal/build/session"
	"github.com/seaworthyhq/seaworthy/internal/event"
	pipelines "github.com/seaworthyhq/seaworthy/internal/pipeline"
	projects "github.com/seaworthyhq/seaworthy/internal/project"
	"github.com/seaworthyhq/seaworthy/internal/release"
	"github.com/seaworthyhq/seaworthy/internal/store/storetest"
)

var update = flag.Bool("update", false, "write what was seen into testdata")

// Each file of testdata/stages is a project, with what of it is whose: a line for each vertex that the solver told of when it was
// built for the first time, with the lines of the stages that it belongs to. When it is built again, what is looked at is whose
// it was, and nothing runs.
func TestEveryVertexBelongsToItsStagesAndLines(t *testing.T) {
	cases, err := filepath.Glob("testdata/stages/*.txtar")
	if err != nil || len(cases) < 40 {
		t.Fatalf("%d cases, %v", len(cases), err)
	}
	remote := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { fmt.Fprintln(w, r.URL.Path) }))
	t.Cleanup(remote.Close)
	for _, path := range cases {
		t.Run(strings.TrimSuffix(filepath.Base(path), ".txtar"), func(t *testing.T) {
			t.Parallel()
			c := openShape(t, path, remote.URL)
			first := c.make(t)
			got := c.describe(t, first)
			for _, v := range first.heard {
				for _, at := range v.Places {
					if state := first.events.steps()[at.Step]; keyword(plain(v.Name)) == "RUN" && state != event.Done {
						t.Errorf("%s is %s, and %s ran", at.Step, state, v.Name)
					}
				}
			}
			first.eachIsOfOneDockerfile(t)
			again := c.make(t)
			if extra := slices.DeleteFunc(c.describe(t, again), func(line string) bool { return slices.Contains(got, line) }); len(extra) > 0 {
				t.Errorf("the second time something is whose it was not:\n%s", strings.Join(extra, "\n"))
			}
			for key, state := range again.events.steps() {
				if state != event.Cached {
					t.Errorf("the second time %s is %s", key, state)
				}
			}
			if diff := cmp.Diff(c.want, got); diff != "" && !*update {
				t.Errorf("whose is what (-want +got):\n%s", diff)
			}
			if *update {
				c.write(t, path, got)
			}
		})
	}
}

// shape is a project of some shape.
type shape struct {
	*yard
	archive *txtar.Archive
	remote  string
	dir     string
	want    []string
	several bool // Dockerfiles
}

const wantFile = "want"

func openShape(t *testing.T, path, remote string) *shape {
	t.Helper()
	archive, err := txtar.ParseFile(path)
	if err != nil {
		t.Fatal(err)
	}
	c := &shape{yard: newYard(t), archive: archive, remote: remote}
	storetest.Busybox(t, c.store, storetest.Image{
		Ref: "docker.io/library/other:1", Files: []storetest.File{{Name: "other", Mode: 0o644, Content: []byte("other\n")}},
	})
	files := map[string]string{}
	for _, f := range archive.Files {
		if f.Name == wantFile {
			c.want = strings.Split(strings.TrimSpace(string(f.Data)), "\n")
			continue
		}
		files[f.Name] = strings.ReplaceAll(string(f.Data), "http://remote", remote)
	}
	c.dir = project(t, files)
	return c
}

// write puts what was seen into the file of a case.
func (c *shape) write(t *testing.T, path string, got []string) {
	t.Helper()
	c.archive.Files = slices.DeleteFunc(c.archive.Files, func(f txtar.File) bool { return f.Name == wantFile })
	c.archive.Files = append(c.archive.Files, txtar.File{Name: wantFile, Data: []byte(strings.Join(got, "\n") + "\n")})
	if err := os.WriteFile(path, txtar.Format(c.archive), 0o644); err != nil {
		t.Fatal(err)
	}
}

// made is what was told when a shape was built.
type made struct {
	project *projects.Project
	events  recorder
	out     *pipelines.Output
	mu      sync.Mutex
	heard   []build.Heard
}

// make builds the project as an up does: all services and checks.
func (c *shape) make(t *testing.T) *made {
	t.Helper()
	p, err := projects.Load(t.Context(), projects.Options{Dir: c.dir})
	if err != nil {
		t.Fatal(err)
	}
	c.several = len(p.Dockerfiles) > 1
	sessions, ignores := map[string]string{}, map[string][]byte{}
	served := map[string]*session.Session{} // as the command line has it: one for all that read the same
	for _, d := range p.Dockerfiles {
		src := session.Sources{Dirs: map[string]string{session.ContextDir: d.Context}, Secrets: map[string][]byte{"token": []byte("the value")}}
		for name, place := range d.NamedContexts {
			if filepath.IsAbs(place) {
				src.Dirs[name] = place
			}
		}
		reads := fmt.Sprint(src.Dirs)
		if served[reads] == nil {
			served[reads] = c.serve(t, src)
		}
		sessions[d.Key] = served[reads].ID()
		ignores[d.Key] = []byte{}
	}
	m := &made{project: p}
	line := pipelines.Pipeline{Builder: hearing{c.Builder, m}, Images: named{}}
	m.out, err = line.Make(t.Context(), pipelines.Input{
		Project: p, Sessions: sessions, Ignores: ignores,
		ImageName: func(step string) string {
			return "seaworthy.local/test/" + strings.NewReplacer(":", "-", "/", "-").Replace(step) + ":latest"
		},
	}, &m.events)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// eachIsOfOneDockerfile fails the test where what two Dockerfiles do alike is told as one: renderers would mix their states. Those that
// differ in arguments only are built as one.
func (m *made) eachIsOfOneDockerfile(t *testing.T) {
	t.Helper()
	dockerfiles := map[string]string{} // by step
	for _, d := range m.project.Dockerfiles {
		for _, s := range d.Stages {
			if dockerfiles[s.Key] = d.Key; d.VariantOf != "" {
				dockerfiles[s.Key] = d.VariantOf
			}
		}
	}
	of := map[string]string{}
	for _, e := range m.events.all() {
		if e.Instruction == nil {
			continue
		}
		for _, step := range e.Instruction.Steps {
			is := dockerfiles[step]
			if was, told := of[e.Instruction.Digest]; told && was != is {
				t.Errorf("%s %s is of two Dockerfiles, %q and %q", e.Instruction.Digest, e.Instruction.Text, was, is)
			}
			of[e.Instruction.Digest] = is
		}
	}
}

// hearing is a builder that keeps what the solver told.
type hearing struct {
	*build.Builder
	made *made
}

func (h hearing) Build(ctx context.Context, req build.Request, sink event.Sink) (*build.Result, error) {
	res, heard, err := h.BuildHeard(ctx, req, sink)
	h.made.mu.Lock()
	defer h.made.mu.Unlock()
	h.made.heard = append(h.made.heard, heard...)
	return res, err
}

// named are images that services only name: none here.
type named struct{}

func (named) Pull(context.Context, string, event.Sink) (release.Image, error) {
	return release.Image{}, nil
}

func (named) Config(context.Context, release.Image) (dockerspec.DockerOCIImage, error) {
	return dockerspec.DockerOCIImage{}, nil
}

// describe is whose each vertex was found to be: "builder:2 web:7  RUN make". It also compares with what the solver itself says in
// a vertex's name, of the one stage that it knows.
func (c *shape) describe(t *testing.T, m *made) []string {
	t.Helper()
	lines := map[string]bool{}
	for _, v := range m.heard {
		name, _, _ := strings.Cut(v.Name, "\n")
		name = strings.ReplaceAll(name, c.remote, "http://remote")
		var places []string
		for _, at := range v.Places {
			place := fmt.Sprintf("%s:%d", strings.TrimPrefix(at.Step, "stage:"), at.Line)
			if at.EndLine > at.Line {
				place += fmt.Sprintf("–%d", at.EndLine)
			}
			places = append(places, place)
		}
		if len(places) == 0 {
			t.Errorf("%s belongs to nothing", v.Name)
		}
		stage, text := stageOf(name)
		if v.Line > 0 { // where several share it, the solver calls it as any of them does
			text, _, _ = strings.Cut(strings.ReplaceAll(v.Text, c.remote, "http://remote"), "\n")
			for i, written := range v.Written {
				if got, want := keyword(written), keyword(plain(name)); got != want && want != "FROM" { // which COPY takes from, too
					t.Errorf("%s is %s at %s", v.Name, got, places[i])
				}
			}
		}
		if c.several && strings.Contains(name, "load metadata") {
			continue // any of them may be the first to ask
		}
		if stage != "" && !slices.ContainsFunc(v.Places, func(at event.Place) bool { return isStage(at.Step, stage) }) {
			t.Errorf("%s is of stage %s, not of %v", v.Name, stage, places)
		}
		lines[fmt.Sprintf("%-24s %s", strings.Join(places, " "), digests.ReplaceAllString(text, ""))] = true
	}
	return slices.Sorted(maps.Keys(lines))
}

// plain is a vertex's name without the solver's prefix, and without the ONBUILD that stands at a FROM.
func plain(name string) string {
	_, rest := stageOf(name)
	if strings.HasPrefix(rest, "ONBUILD ") {
		return "FROM"
	}
	return strings.TrimPrefix(rest, "LINK ")
}

// keyword is the first word of an instruction.
func keyword(text string) string {
	return strings.ToUpper(strings.Fields(text + " -")[0])
}

var (
	prefix  = regexp.MustCompile(`^\[(?:([^\] ]+) +)?\d+/\d+\] `)
	digests = regexp.MustCompile(`@sha256:[0-9a-f]+`)
)

// stageOf is the stage that the solver names, if it does, and the rest of the name.
func stageOf(name string) (stage, rest string) {
	found := prefix.FindStringSubmatch(name)
	if found == nil {
		return "", name
	}
	return found[1], strings.TrimPrefix(name, found[0])
}

// isStage reports whether a step is of the stage that the solver names: of several with one name, each has a number here.
func isStage(step, name string) bool {
	number := strings.TrimPrefix(stageIn(step), name+"-")
	return stageIn(step) == name || number != stageIn(step) && strings.Trim(number, "0123456789") == ""
}

// stageIn is a step's stage, without the Dockerfile's key.
func stageIn(step string) string {
	return step[strings.LastIndexAny(step, ":/")+1:]
}
