package graph_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"

	"github.com/seaworthyhq/seaworthy/internal/event"
	"github.com/seaworthyhq/seaworthy/internal/graph"
	"github.com/seaworthyhq/seaworthy/internal/project"
)

// load reads the archive as a project named app.
func load(t testing.TB, archive string) *project.Project {
	t.Helper()
	return read(t, lay(t, archive))
}

// lay puts the files of an archive into a folder named app.
func lay(t testing.TB, archive string) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "app")
	for _, f := range txtar.Parse([]byte(archive)).Files {
		path := filepath.Join(dir, f.Name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, f.Data, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func read(t testing.TB, dir string) *project.Project {
	t.Helper()
	p, err := project.Load(t.Context(), project.Options{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// text writes a graph, one line a stage, then what has to be asked for.
func text(g *graph.Graph) string {
	var b strings.Builder
	for _, n := range g.Nodes {
		built := ""
		if !n.Built {
			built = ", not built"
		}
		fmt.Fprintf(&b, "%s: %s%s: %s\n", n.Key, n.Role, built, n.Why)
	}
	for _, target := range g.Targets() {
		kind := "check"
		if target.Image {
			kind = "image"
		}
		fmt.Fprintf(&b, "ask for %s %q %s\n", kind, target.Target, target.Key)
	}
	for _, w := range g.Warnings {
		fmt.Fprintf(&b, "%s\n", w.Message)
	}
	return b.String()
}

func TestRoles(t *testing.T) {
	for name, row := range map[string]struct{ archive, want string }{
		"a test stage gates the image": {`
-- Dockerfile --
FROM golang AS builder
RUN go build
FROM builder AS test
RUN go test
FROM scratch
COPY --from=builder /x /x
`, `stage:builder: image: the image of app needs it
stage:test: check: no image needs it
stage:stage-2: image: app is built from it
ask for image "" stage:stage-2
ask for check "test" stage:test
`},
		"checks build on checks, each asked for once": {`
-- Dockerfile --
FROM golang AS lint-tools
RUN install
FROM lint-tools AS lint
RUN lint
FROM lint-tools AS vet
COPY --from=lint /ok /ok
FROM scratch AS web
COPY x /x
`, `stage:lint-tools: check: lint and vet need it
stage:lint: check: vet needs it
stage:vet: check: no image needs it
stage:web: image: app is built from it
ask for image "web" stage:web
ask for check "lint-tools" stage:lint-tools
ask for check "lint" stage:lint
ask for check "vet" stage:vet
`},
		"developers' stages and what only they need": {`
-- Dockerfile --
FROM golang AS tools
RUN install
FROM tools AS dev
RUN install more
FROM golang AS debugger
CMD dlv
FROM scratch AS web
COPY x /x
`, `stage:tools: other, not built: only dev needs it, which is not built
stage:dev: other, not built: its name says it is for developers
stage:debugger: other, not built: its name says it is for developers
stage:web: image: app is built from it
ask for image "web" stage:web
`},
		"seaworthy.yaml has the last word": {`
-- seaworthy.yaml --
checks: {dev: run, bench: skip, shared: skip, web: skip}
-- Dockerfile --
FROM golang AS shared
RUN install
FROM shared AS dev
RUN go vet
FROM golang AS bench
RUN go bench
FROM scratch AS web
COPY x /x
`, `stage:shared: check: dev needs it, although seaworthy.yaml says to skip it
stage:dev: check: seaworthy.yaml says to run it
stage:bench: check, not built: seaworthy.yaml says to skip it
stage:web: image: app is built from it
ask for image "web" stage:web
ask for check "shared" stage:shared
ask for check "dev" stage:dev
the check shared is built: dev needs it, although seaworthy.yaml says to skip it
web cannot be skipped: app is built from it
`},
		"all that a stage is built for is named": {`
-- seaworthy.yaml --
checks: {tools: skip}
-- Dockerfile --
FROM golang AS tools
RUN install
FROM tools AS test
RUN go test
FROM tools AS dev
RUN install more
FROM tools AS test2
COPY --from=tools /x /x
RUN go vet
FROM golang AS idle
RUN install
FROM idle AS dev2
RUN go run
FROM idle AS debug
RUN go run
FROM scratch AS web
COPY x /x
`, `stage:tools: check: test and test2 need it, although seaworthy.yaml says to skip it
stage:test: check: no image needs it
stage:dev: other, not built: its name says it is for developers
stage:test2: check: no image needs it
stage:idle: other, not built: only dev2 and debug need it, which are not built
stage:dev2: other, not built: its name says it is for developers
stage:debug: other, not built: its name says it is for developers
stage:web: image: app is built from it
ask for image "web" stage:web
ask for check "tools" stage:tools
ask for check "test" stage:test
ask for check "test2" stage:test2
the check tools is built: test and test2 need it, although seaworthy.yaml says to skip it
`},
		"seaworthy.yaml is no reason for what would be so without it": {`
-- seaworthy.yaml --
checks: {test: {reports: /r}, lint: run, tools: {timeout: 1m}, dev: {reports: /r}, devtools: {timeout: 1m}}
-- Dockerfile --
FROM golang AS tools
RUN install
FROM tools AS test
RUN go test
FROM tools AS lint
RUN go vet
FROM golang AS devtools
RUN install
FROM devtools AS dev
RUN go vet
FROM scratch AS web
COPY x /x
`, `stage:tools: check: test and lint need it
stage:test: check: no image needs it
stage:lint: check: no image needs it
stage:devtools: check: dev needs it
stage:dev: check: seaworthy.yaml says to run it
stage:web: image: app is built from it
ask for image "web" stage:web
ask for check "tools" stage:tools
ask for check "test" stage:test
ask for check "lint" stage:lint
ask for check "devtools" stage:devtools
ask for check "dev" stage:dev
`},
		"a check that proves nothing": {`
-- Dockerfile --
FROM golang AS builder
RUN go build
FROM builder AS test
CMD go test
FROM golang AS parent
ONBUILD RUN go vet
FROM parent AS vet
FROM scratch AS web
COPY --from=builder /x /x
`, `stage:builder: image: the image of app needs it
stage:test: check: no image needs it
stage:parent: check: vet needs it
stage:vet: check: no image needs it
stage:web: image: app is built from it
ask for image "web" stage:web
ask for check "test" stage:test
ask for check "vet" stage:vet
the check test runs nothing while it is built, so it proves nothing
`},
		"stages without a name are checks like others": {`
-- seaworthy.yaml --
checks: {stage-2: skip}
-- Dockerfile --
FROM golang AS builder
RUN go build
FROM builder
RUN go vet
FROM builder
RUN go test
FROM scratch
COPY --from=builder /x /x
`, `stage:builder: image: the image of app needs it
stage:stage-1: check: no image needs it
stage:stage-2: check, not built: seaworthy.yaml says to skip it
stage:stage-3: image: app is built from it
ask for image "" stage:stage-3
ask for check "1" stage:stage-1
`},
		"of stages with one name, each has a key": {`
-- Dockerfile --
FROM golang AS test
RUN go vet
FROM golang AS test
RUN go test
FROM golang AS dev
RUN install
FROM golang AS dev
RUN install
FROM golang AS stage-6
RUN go build
FROM stage-6 AS test
RUN go test
FROM scratch
COPY --from=stage-6 /x /x
`, `stage:test-1: check: no image needs it
stage:test-2: check: no image needs it
stage:dev-1: other, not built: its name says it is for developers
stage:dev: other, not built: its name says it is for developers
stage:stage-6: image: the image of app needs it
stage:test: check: no image needs it
stage:stage-6-unnamed: image: app is built from it
ask for image "" stage:stage-6-unnamed
ask for check "0" stage:test-1
ask for check "1" stage:test-2
ask for check "test" stage:test
`},
		"several services and Dockerfiles": {`
-- Dockerfile --
FROM golang AS builder
RUN go build
FROM builder AS api
COPY x /x
FROM builder AS web
COPY x /x
FROM builder AS test
RUN go test
-- jobs/Dockerfile --
FROM golang AS test
RUN go test
FROM golang
RUN go build
-- docker-bake.json --
{"target": {"test": {"target": "test"}}}
-- seaworthy.yaml --
checks: {jobs/test: run}
-- compose.yaml --
services:
  api: {build: {context: ., target: api}}
  api2: {build: {context: ., target: api}}
  web: {build: {context: ., target: web}}
  jobs: {build: jobs}
`, `stage:builder: image: the images of api, api2 and web need it
stage:api: image: api and api2 are built from it
stage:web: image: web is built from it
stage:test: other, not built: docker-bake.json builds it
stage:jobs/test: check: seaworthy.yaml says to run it
stage:jobs/stage-1: image: jobs is built from it
ask for image "api" stage:api
ask for image "web" stage:web
ask for image "" stage:jobs/stage-1
ask for check "test" stage:jobs/test
`},
		"the image of one service is no check with the settings of another": {`
-- Dockerfile --
FROM busybox AS builder
RUN true
FROM builder AS api
RUN true
FROM builder AS worker
RUN true
FROM worker AS test-worker
RUN true
FROM worker AS test-both
COPY --from=api /x /x
-- compose.yaml --
services:
  api: {build: {context: ., target: api, network: none}}
  worker: {build: {context: ., target: worker}}
`, `stage:api/builder: image: the image of api needs it
stage:worker/builder: image: the image of worker needs it
stage:api/api: image: api is built from it
stage:worker/api: check: test-both needs it
stage:api/worker: check: test-both needs it
stage:worker/worker: image: worker is built from it
stage:worker/test-worker: check: no image needs it
stage:api/test-both: check: no image needs it
stage:worker/test-both: check: no image needs it
ask for image "api" stage:api/api
ask for image "worker" stage:worker/worker
ask for check "api" stage:worker/api
ask for check "worker" stage:api/worker
ask for check "test-worker" stage:worker/test-worker
ask for check "test-both" stage:api/test-both
ask for check "test-both" stage:worker/test-both
`},
		"a check of an image and of what is none stays where no other check is of that image": {`
-- Dockerfile --
FROM busybox AS x
ARG V
FROM busybox AS y
ARG V
FROM busybox AS test
COPY --from=x /x /
COPY --from=y /y /
FROM busybox AS both
COPY --from=x /x /
COPY --from=y /y /
-- compose.yaml --
services:
  a: {build: {context: ., target: x, args: {V: a}}}
  b: {build: {context: ., target: both, args: {V: b}}}
  c: {build: {context: ., target: both, args: {V: c}}}
`, `stage:a/x: image: a is built from it
stage:b/x: image: the image of b needs it
stage:c/x: image: the image of c needs it
stage:a/y: check: test needs it
stage:b/y: image: the image of b needs it
stage:c/y: image: the image of c needs it
stage:a/test: check: no image needs it
stage:b/test: check: no image needs it
stage:c/test: check: no image needs it
stage:b/both: image: b is built from it
stage:c/both: image: c is built from it
ask for image "x" stage:a/x
ask for image "both" stage:b/both
ask for image "both" stage:c/both
ask for check "test" stage:a/test
ask for check "test" stage:b/test
ask for check "test" stage:c/test
`},
	} {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(row.want, text(graph.New(load(t, row.archive)))); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

func TestEvent(t *testing.T) {
	g := graph.New(load(t, `
-- Dockerfile --
FROM golang:1.26 AS builder
RUN go build
FROM builder AS bench
RUN go test -bench .
FROM scratch
COPY --from=builder /x /x
COPY --from=golang:1.26 /y /y
RUN --mount=from=builder,target=/b true
COPY --from=docs /z /z
-- docs/readme --
-- compose.yaml --
services:
  web: {build: {context: ., additional_contexts: {docs: docs}}}
-- seaworthy.yaml --
checks: {bench: skip}
`))
	want := &event.Graph{Steps: []event.Node{
		{
			Key: "stage:builder", Name: "builder", Role: "image", Why: "the image of web needs it",
			File: "Dockerfile", Line: 1, EndLine: 2, From: []event.Edge{{Kind: "from", Image: "golang:1.26", Line: 1}},
		},
		{
			Key: "stage:bench", Name: "bench", Role: "check", Why: "seaworthy.yaml says to skip it", After: []string{"stage:builder"}, Skip: true,
			File: "Dockerfile", Line: 3, EndLine: 4, From: []event.Edge{{Kind: "from", Step: "stage:builder", Line: 3}},
		},
		{
			Key: "stage:stage-2", Name: "stage-2", Role: "image", Why: "web is built from it", After: []string{"stage:builder"},
			File: "Dockerfile", Line: 5, EndLine: 9, Services: []string{"web"}, From: []event.Edge{
				{Kind: "copy", Step: "stage:builder", Line: 6},
				{Kind: "copy", Image: "golang:1.26", Line: 7},
				{Kind: "mount", Step: "stage:builder", Line: 8},
				{Kind: "copy", Context: "docs", Line: 9},
			},
		},
	}}
	if diff := cmp.Diff(want, g.Event()); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

// A Dockerfile of 1,000 stages is read, understood and drawn: all that plan does before it has stages listed.
func BenchmarkThousandStages(b *testing.B) {
	for shape, stage := range map[string]func(i int) string{
		"chain": func(i int) string { return fmt.Sprintf("FROM s%d AS s%d\nENV A%d=$A%d\n", i-1, i, i, i-1) },
		"fan":   func(i int) string { return fmt.Sprintf("FROM s0 AS s%d\nRUN true\n", i) },
		"bare":  func(int) string { return "FROM s0\nCMD true\n" }, // nameless, each with a warning
		"grid": func(i int) string {
			return fmt.Sprintf("FROM s%d AS s%d\nCOPY --from=s%d /x /x\nRUN --mount=from=alpine,target=/a true\n", max(0, i-32), i, i-1)
		},
	} {
		var text strings.Builder
		text.WriteString("-- Dockerfile --\nFROM busybox AS s0\n")
		for i := 1; i < 1000; i++ {
			text.WriteString(stage(i))
		}
		dir := lay(b, text.String())
		p := read(b, dir)
		b.Run(shape+"/read", func(b *testing.B) {
			for b.Loop() {
				read(b, dir)
			}
		})
		b.Run(shape+"/understand", func(b *testing.B) {
			for b.Loop() {
				graph.New(p).Targets()
			}
		})
		g := graph.New(p)
		b.Run(shape+"/draw", func(b *testing.B) {
			for b.Loop() {
				g.Event()
				g.Mermaid()
				g.DOT()
			}
		})
	}
}
