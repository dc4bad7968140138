package build_test

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/seaworthyhq/seaworthy/internal/build"
	"github.com/seaworthyhq/seaworthy/internal/cause"
)

// told are a build's reasons, by step: "kind text".
func told(res *build.Result) map[string][]string {
	all := map[string][]string{}
	for _, run := range res.Steps {
		for _, r := range run.Because {
			all[run.Key] = append(all[run.Key], string(r.Kind)+" "+r.Text)
		}
	}
	return all
}

// reasons are the reasons that a build's events told last, by step.
func (r *recorder) reasons() map[string][]string {
	all := map[string][]string{}
	for _, e := range r.all() {
		if e.Step == nil || len(e.Step.Because) == 0 {
			continue
		}
		all[e.Step.Key] = nil
		for _, because := range e.Step.Because {
			all[e.Step.Key] = append(all[e.Step.Key], string(because.Kind)+" "+because.Text)
		}
	}
	return all
}

// recorded is what an engine has recorded after a build.
func recorded(before map[string]cause.Made, res *build.Result) map[string]cause.Made {
	all := maps.Clone(before)
	if all == nil {
		all = map[string]cause.Made{}
	}
	for step, m := range res.Made {
		all[step] = m.After(before[step])
	}
	return all
}

const reasoned = `FROM busybox AS assets
ARG LEVEL=1
WORKDIR /w
COPY www/ ./
RUN cat * > /page
FROM assets AS test
COPY *.test /
RUN ls / && test -s /page
FROM busybox AS web
ENV GREETING=hello
RUN echo $GREETING > /greeting
COPY --from=assets /page /
`

var reasonedFiles = map[string]string{
	"Dockerfile": reasoned, "www/a": "a\n", "www/b": "b\n", "one.test": "", "unused": "",
}

func TestAStepThatRanSaysWhy(t *testing.T) {
	y := newYard(t)
	const first = "first never built here, as far as is recorded"
	edited := func(old, text string) func(*testing.T, string, *build.Request) {
		return func(t *testing.T, _ string, req *build.Request) {
			changed := strings.Replace(reasoned, old, text, 1)
			if changed == reasoned {
				t.Fatalf("no %q", old)
			}
			req.Dockerfile = []byte(changed)
			req.Stages = stages(req.Dockerfile)
		}
	}
	for name, row := range map[string]struct {
		change func(t *testing.T, dir string, req *build.Request)
		want   map[string][]string
	}{
		"nothing changed": {func(*testing.T, string, *build.Request) {}, map[string][]string{}},
		"a file that nothing takes": {
			func(t *testing.T, dir string, _ *build.Request) { write(t, filepath.Join(dir, "unused"), "other\n") },
			map[string][]string{},
		},
		"files of a folder": {
			func(t *testing.T, dir string, _ *build.Request) {
				write(t, filepath.Join(dir, "www/a"), "changed\n")
				write(t, filepath.Join(dir, "www/c"), "added\n")
				if err := os.Remove(filepath.Join(dir, "www/b")); err != nil {
					t.Fatal(err)
				}
			},
			map[string][]string{
				"stage:assets": {"files COPY www/ ./ (Dockerfile:4): www/a changed; www/c is new; www/b is gone"},
				"stage:test":   {"again COPY *.test / (Dockerfile:7): stage assets ran again"},
				"stage:web":    {"again COPY --from=assets /page / (Dockerfile:12): stage assets ran again"},
			},
		},
		"many files": {
			func(t *testing.T, dir string, _ *build.Request) {
				for i := range 9 {
					write(t, filepath.Join(dir, fmt.Sprintf("%d.test", i)), "")
				}
			},
			map[string][]string{"stage:test": {"files COPY *.test / (Dockerfile:7): 0.test, 1.test, 2.test, 3.test, 4.test and 4 more are new"}},
		},
		"the mode of a file": {
			func(t *testing.T, dir string, _ *build.Request) {
				if err := os.Chmod(filepath.Join(dir, "one.test"), 0o755); err != nil {
					t.Fatal(err)
				}
			},
			map[string][]string{"stage:test": {"files COPY *.test / (Dockerfile:7): the mode of one.test was 0644, is 0755"}},
		},
		"the mode of a file, and what it holds": {
			func(t *testing.T, dir string, _ *build.Request) {
				write(t, filepath.Join(dir, "one.test"), "other")
				if err := os.Chmod(filepath.Join(dir, "one.test"), 0o755); err != nil {
					t.Fatal(err)
				}
			},
			map[string][]string{"stage:test": {"files COPY *.test / (Dockerfile:7): one.test changed"}},
		},
		"what is ignored": {
			func(_ *testing.T, _ string, req *build.Request) { req.Ignore = []byte("www/b\n") },
			map[string][]string{
				"stage:assets": {"ignore COPY www/ ./ (Dockerfile:4): the ignore file changed: www/b is left out now"},
				"stage:test":   {"again COPY *.test / (Dockerfile:7): stage assets ran again"},
				"stage:web":    {"again COPY --from=assets /page / (Dockerfile:12): stage assets ran again"},
			},
		},
		"an instruction": {
			edited("RUN cat * > /page", "RUN cat * * > /page"),
			map[string][]string{
				"stage:assets": {"instruction RUN cat * * > /page (Dockerfile:5): it was RUN cat * > /page"},
				"stage:test":   {"again COPY *.test / (Dockerfile:7): stage assets ran again"},
				"stage:web":    {"again COPY --from=assets /page / (Dockerfile:12): stage assets ran again"},
			},
		},
		"one more instruction": {
			edited("RUN ls /", "RUN echo more\nRUN ls /"),
			map[string][]string{"stage:test": {"instruction RUN echo more (Dockerfile:8): it is new"}},
		},
		"one instruction less": {
			edited("COPY *.test /\nRUN ls / && ", "RUN "),
			map[string][]string{"stage:test": {"instruction RUN test -s /page (Dockerfile:7): it was COPY *.test /"}},
		},
		"an instruction that is no longer between": {
			edited("COPY *.test /\n", ""),
			map[string][]string{"stage:test": {"instruction RUN ls / && test -s /page (Dockerfile:7): it no longer follows COPY *.test /"}},
		},
		"a build argument": {
			func(_ *testing.T, _ string, req *build.Request) { req.Args = map[string]string{"LEVEL": "2"} },
			map[string][]string{
				"stage:assets": {"argument RUN cat * > /page (Dockerfile:5): build argument LEVEL has another value"},
				"stage:test":   {"again COPY *.test / (Dockerfile:7): stage assets ran again"},
			},
		},
		"the default of a build argument": {
			edited("LEVEL=1", "LEVEL=3"),
			map[string][]string{
				"stage:assets": {"argument RUN cat * > /page (Dockerfile:5): build argument LEVEL has another value"},
				"stage:test":   {"again COPY *.test / (Dockerfile:7): stage assets ran again"},
			},
		},
		"a variable": {
			edited("GREETING=hello", "GREETING=welcome"),
			map[string][]string{"stage:web": {"variable RUN echo $GREETING > /greeting (Dockerfile:11): variable GREETING has another value"}},
		},
		"a user": {
			edited("RUN echo $GREETING", "USER 0\nRUN echo $GREETING"),
			map[string][]string{"stage:web": {"instruction RUN echo $GREETING > /greeting (Dockerfile:12): it runs with another user"}},
		},
		"asked": {
			func(_ *testing.T, _ string, req *build.Request) { req.NoCacheFilter = []string{"test"} },
			map[string][]string{"stage:test": {"asked COPY *.test / (Dockerfile:7): asked to run without the cache"}},
		},
	} {
		t.Run(name, func(t *testing.T) {
			dir := project(t, reasonedFiles)
			before, rec := y.build(t, y.request(t, dir, "=web", "test"))
			if diff := cmp.Diff(told(before), rec.reasons()); diff != "" {
				t.Errorf("result and events differ: -result +events\n%s", diff)
			}
			for step, because := range told(before) { // of a file system that other rows may have built on
				if !slices.Equal(because, []string{first}) {
					t.Errorf("%s at first: %q", step, because)
				}
			}
			req := y.request(t, dir, "=web", "test")
			row.change(t, dir, &req)
			req.Before = recorded(nil, before)
			after, rec := y.build(t, req)
			if diff := cmp.Diff(row.want, told(after)); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
			if diff := cmp.Diff(told(after), rec.reasons()); diff != "" {
				t.Errorf("result and events differ: -result +events\n%s", diff)
			}
			if _, err := y.Prune(t.Context(), build.PruneOptions{All: true}); err != nil { // so that each row builds for itself
				t.Error(err)
			}
		})
	}
}

// Where they take different parts of the context, their first instructions are an operation of each, and the solver runs one of them.
func TestEachStageThatASharedInstructionIsOfSaysWhy(t *testing.T) {
	y := newYard(t)
	dir := project(t, map[string]string{
		"Dockerfile": "FROM busybox AS test\nCOPY a /a\nRUN cat /a\nCOPY b /b\nFROM busybox AS web\nCOPY a /a\nRUN cat /a\nCOPY c /c\n",
		"a":          "1", "b": "b", "c": "c",
	})
	res, _ := y.build(t, y.request(t, dir, "test", "=web"))
	write(t, filepath.Join(dir, "a"), "2")
	req := y.request(t, dir, "test", "=web")
	req.Before = recorded(nil, res)
	_, rec := y.build(t, req)
	want := map[string][]string{
		"stage:test": {"files COPY a /a (Dockerfile:2): a changed"},
		"stage:web":  {"files COPY a /a (Dockerfile:6): a changed"},
	}
	if diff := cmp.Diff(want, rec.reasons()); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
}

func TestAStageThatAnotherOneIsFromIsNamed(t *testing.T) {
	y := newYard(t)
	const dockerfile = "ARG WHICH=one\nFROM busybox AS one\nRUN echo 1\nFROM busybox AS two\nRUN echo 2\nFROM busybox AS three\nRUN echo 3\nFROM ${WHICH} AS web\nRUN echo web\n"
	dir := project(t, map[string]string{"Dockerfile": dockerfile})
	res, _ := y.build(t, y.request(t, dir, "two", "three", "=web"))
	before := recorded(nil, res)
	for change, want := range map[[2]string]string{
		{"WHICH=one", "WHICH=two"}:           "argument RUN echo web (Dockerfile:9): build argument WHICH chose stage two instead of stage one",
		{"FROM ${WHICH}", "FROM three"}:      "instruction RUN echo web (Dockerfile:9): it takes from stage three instead of stage one",
		{"FROM ${WHICH}", "FROM busybox"}:    "base RUN echo web (Dockerfile:9): busybox:latest was not taken before",
		{"RUN echo 1\n", "RUN echo other\n"}: "again RUN echo web (Dockerfile:9): stage one ran again",
	} {
		write(t, filepath.Join(dir, "Dockerfile"), strings.Replace(dockerfile, change[0], change[1], 1))
		req := y.request(t, dir, "two", "three", "=web")
		req.Before = before
		_, rec := y.build(t, req)
		if diff := cmp.Diff([]string{want}, rec.reasons()["stage:web"]); diff != "" {
			t.Errorf("%s: -want +got\n%s", change[1], diff)
		}
	}
}
