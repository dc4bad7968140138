package project_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/seaworthyhq/seaworthy/internal/project"
)

// Services of one Dockerfile share the stages that their arguments cannot make another one.
func TestStagesAreSharedThatArgumentsDoNotChange(t *testing.T) {
	for name, row := range map[string]struct {
		dockerfile string
		a, b       string // what the services a and b add to build:
		want       string // stages of a, then those of b
	}{
		"no stage declares it":             {"FROM busybox AS x\nRUN true\nFROM x AS y", "args: {V: 1}", "", "x y | x y"},
		"a stage declares it":              {"FROM busybox AS x\nFROM x AS y\nARG V", "args: {V: 1}", "", "x a/y | x b/y"},
		"what it is from declares it":      {"FROM busybox AS x\nARG V\nFROM x AS y", "args: {V: 1}", "args: {V: 2}", "a/x a/y | b/x b/y"},
		"what it copies from declares it":  {"FROM busybox AS x\nARG V\nFROM busybox AS y\nCOPY --from=x /x /", "args: {V: 1}", "", "a/x a/y | b/x b/y"},
		"what it mounts declares it":       {"FROM busybox AS x\nARG V\nFROM busybox AS y\nRUN --mount=from=x,target=/x true", "args: {V: 1}", "", "a/x a/y | b/x b/y"},
		"what caches begin with does":      {"FROM busybox AS scratch\nARG V\nRUN true\nFROM busybox AS y\nRUN --mount=type=cache,target=/c true", "args: {V: 1}", "", "a/scratch a/y | b/scratch b/y"},
		"ONBUILD declares it":              {"FROM busybox AS x\nONBUILD ARG V\nFROM x AS y\nRUN true", "args: {V: 1}", "", "x a/y | x b/y"},
		"it chooses the base":              {"ARG V=1\nFROM busybox:$V AS x\nFROM busybox AS y", "args: {V: 2}", "", "a/x y | b/x y"},
		"it chooses the platform":          {"ARG V=amd64\nFROM --platform=linux/$V busybox AS x\nFROM busybox AS y", "args: {V: arm64}", "", "a/x y | b/x y"},
		"it chooses the stage":             {"ARG V=x\nFROM busybox AS x\nFROM alpine AS z\nFROM $V AS y", "args: {V: z}", "", "x z a/y | x z b/y"},
		"it chooses the stage of one base": {"ARG V=x\nFROM busybox AS x\nRUN one\nFROM busybox AS z\nRUN other\nFROM $V AS y", "args: {V: z}", "", "x z a/y | x z b/y"},
		"a check of what images share":     {"FROM busybox AS s\nFROM s AS test\nARG V\nFROM s AS img\nARG V", "args: {V: 1}", "args: {V: 2}", "s a/test a/img | s b/test b/img"},
		"a check of what one image needs":  {"FROM busybox AS s\nFROM s AS test\nARG V\nFROM s AS img\nFROM busybox AS other", "args: {V: 1}\n      target: img", "args: {V: 2}\n      target: other", "s a/test img other | s b/test img other"},
		"it is its default":                {"FROM busybox AS x\nARG V=1\nFROM x AS y", "args: {V: 1}", "", "x y | x y"},
		"it is its default above":          {"ARG V=1\nFROM busybox AS x\nARG V\nFROM x AS y", "args: {V: 1}", "", "x y | x y"},
		"its default is made of another":   {"ARG V=1\nARG W=$V\nFROM busybox AS x\nARG W\nFROM busybox AS y", "args: {V: 2}", "", "a/x y | b/x y"},
		"its default may be of the image":  {"FROM busybox AS x\nARG V=$FROM_THE_IMAGE\nFROM busybox AS y", "args: {V: ''}", "", "a/x y | b/x y"},
		"it is empty, and not there":       {"FROM busybox AS x\nARG V\nFROM busybox AS y", "args: {V: ''}", "", "a/x y | b/x y"},
		"RUN heeds it without ARG":         {"FROM busybox AS x\nFROM x AS y", "args: {HTTPS_PROXY: p}", "", "a/x a/y | b/x b/y"},
		"the builder heeds what it is in":  {"ARG V=1\nARG SOURCE_DATE_EPOCH=$V\nFROM busybox AS x\nFROM x AS y", "args: {V: 2}", "", "a/x a/y | b/x b/y"},
		"the builder heeds it":             {"FROM busybox AS x\nFROM x AS y", "args: {SOURCE_DATE_EPOCH: 1}", "", "a/x a/y | b/x b/y"},
		"images have other labels":         {"FROM busybox AS x\nFROM x AS y", "labels: {l: m}", "", "x a/y | x b/y"},
		"the language is a Dockerfile's":   {"# syntax=docker/dockerfile:1\nFROM busybox AS x\nFROM x AS y", "args: {V: 1}", "", "x y | x y"},
		"the language is another one":      {"# syntax=example.com/other\nFROM busybox AS x\nFROM x AS y", "args: {V: 1}", "", "a/x a/y | b/x b/y"},
		"more than arguments differs":      {"FROM busybox AS x\nFROM x AS y", "args: {V: 1}", "network: none", "a/x a/y | b/x b/y"},
		"another file of the same context": {"FROM busybox AS x\nFROM x AS y", "args: {V: 1}", "dockerfile: Other", "x y | b/o"},
	} {
		t.Run(name, func(t *testing.T) {
			p := load(t, fmt.Sprintf("-- Dockerfile --\n%s\n-- Other --\nFROM busybox AS o\n-- compose.yaml --\nservices:\n  a:\n    build:\n      context: .\n      %s\n  b:\n    build:\n      context: .\n      %s\n",
				row.dockerfile, row.a, row.b), project.Options{})
			var got []string
			for _, s := range p.Environment.Services {
				var names []string
				for _, stage := range p.Dockerfile(s.Build.Dockerfile).Stages {
					names = append(names, stage.FullName())
				}
				got = append(got, strings.Join(names, " "))
			}
			if diff := cmp.Diff(row.want, strings.Join(got, " | ")); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

// Names say for whom a stage is: all of them, those that need it where there is another one of that name, and in which environment.
func TestStagesAreNamedAfterTheirServices(t *testing.T) {
	p := load(t, `
-- Dockerfile --
FROM busybox AS base
ARG V
FROM base AS web
FROM base AS worker
FROM worker AS test-worker
FROM web AS test-all
COPY --from=worker /x /x
-- jobs/Dockerfile --
FROM busybox AS job
-- many/Dockerfile --
FROM busybox AS one
-- compose.yaml --
services:
  web: {build: {context: ., target: web}}
  worker: {build: {context: ., target: worker}}
  cron: {build: jobs}
  mail: {build: jobs}
  m1: {build: many}
  m2: {build: many}
  m3: {build: many}
  m4: {build: many}
-- production.yaml --
services:
  web: {build: {context: ., target: web, args: {V: "2"}}}
-- seaworthy.yaml --
name: app
environments:
  production: {compose: [production.yaml]}
`, project.Options{Environment: "local"})
	var got []string
	for _, d := range p.Dockerfiles {
		for _, s := range d.Stages {
			got = append(got, s.FullName())
		}
	}
	want := []string{
		"web+worker/base", "web/web", "worker/worker", "worker/test-worker", "web+worker/test-all",
		"web@production/base", "web@production/web", "web@production/worker", "web@production/test-worker", "web@production/test-all",
		"cron+mail/job", "m1+m2+2-more/one",
	}
	if diff := cmp.Diff(slices.Sorted(slices.Values(want)), slices.Sorted(slices.Values(got))); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	for _, s := range p.Others[0].Services {
		if s.Build.Stage != "stage:web@production/web" || p.Stage(s.Build.Stage) == nil || p.Dockerfile(s.Build.Dockerfile) == nil {
			t.Errorf("%s is built from %+v", s.Name, s.Build)
		}
	}
}

// A check of several services is skipped where seaworthy.yaml says so of each; said of one of them, that is told.
func TestASharedCheckIsSkippedForAllOfItsServices(t *testing.T) {
	for checks, want := range map[string]project.Check{
		"lint: skip":                         project.CheckSkip,
		"api/lint: skip, web/lint: skip":     project.CheckSkip,
		"api/lint: skip":                     "",
		"api/lint: skip, web/lint: run":      project.CheckRun,
		"lint: skip, web/lint: run":          project.CheckRun,
		"lint: run, web/lint: {timeout: 1s}": project.CheckRun,
	} {
		p := load(t, `
-- Dockerfile --
FROM busybox AS lint
RUN true
FROM busybox
ARG V
-- compose.yaml --
services:
  api: {build: {context: ., args: {V: "1"}}}
  web: {build: .}
-- seaworthy.yaml --
checks: {`+checks+`}
`, project.Options{})
		s := p.Stage("stage:lint")
		if got := p.Rule(s).Say; got != want {
			t.Errorf("%s: %q, want %q", checks, got, want)
		}
		told := len(p.Warnings) == 1 && strings.Contains(p.Warnings[0].Message, "api/lint is not skipped: lint is one stage for api, web")
		if told != (strings.Contains(checks, "api/lint: skip") && want != project.CheckSkip) {
			t.Errorf("%s: %v", checks, p.Warnings)
		}
	}
}

// What is said in two ways of one stage is told of: one of them counts.
func TestEntriesForASharedCheckThatDisagreeAreTold(t *testing.T) {
	for checks, want := range map[string]string{
		"api/test: {timeout: 1s}, web/test: {timeout: 2s}":   "web/test does not count, since another entry says otherwise: test is one stage for api, web",
		"api/test: {reports: /a}, web/test: {reports: /b}":   "web/test does not count, since another entry says otherwise: test is one stage for api, web",
		"api/test: {timeout: 1s}, web/test: {timeout: 1s}":   "",
		"test: {timeout: 1s}, web/test: {timeout: 2s}":       "",
		"web/test: {timeout: 2s}":                            "",
		"api/other: {timeout: 1s}, web/other: {timeout: 2s}": "",
	} {
		p := load(t, `
-- Dockerfile --
FROM busybox AS base
FROM base AS test
RUN true
FROM base AS other
ARG V
RUN true
FROM base
ARG V
-- compose.yaml --
services:
  api: {build: {context: ., args: {V: "1"}}}
  web: {build: .}
-- seaworthy.yaml --
checks: {`+checks+`}
`, project.Options{})
		var got []string
		for _, w := range p.Warnings {
			got = append(got, w.Message)
		}
		if strings.Join(got, "\n") != want {
			t.Errorf("%s: %q, want %q", checks, got, want)
		}
	}
}
