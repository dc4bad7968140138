package e2e

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

var explained = map[string]string{
	"Dockerfile": `FROM base:1 AS assets
ARG LEVEL
COPY www/ /w/
RUN cat /w/* > /page && echo $LEVEL >> /page

FROM assets AS test
RUN test -s /page

FROM assets AS other
RUN echo other

FROM assets AS empty
ENV A=1

FROM base:1 AS web
COPY --from=assets /page /page
CMD ["sleep", "infinity"]
`,
	"compose.yaml": "services: {web: {build: {context: ., target: web, args: {LEVEL: '1'}}}}\n",
	"www/a":        "a",
	"www/b":        "b",
}

func TestAStageSaysWhyItRan(t *testing.T) {
	t.Parallel()
	s := newSite(t, explained)
	move := s.mirror("base", "1", "busybox")
	build := func(args ...string) func() {
		return func() { s.run(0, append([]string{"build"}, args...)...) }
	}
	all := func(of ...func()) func() {
		return func() {
			for _, f := range of {
				f()
			}
		}
	}
	buildAndWriteNothing := func() {
		database := filepath.Join(s.root, "state.db")
		before, err := os.ReadFile(database)
		if err != nil {
			t.Fatal(err)
		}
		build()()
		if after, err := os.ReadFile(database); err != nil || !bytes.Equal(before, after) {
			t.Errorf("a build that came from cache wrote to the database (%v)", err)
		}
	}

	const files = "COPY www/ /w/ (Dockerfile:3): "
	const ran = "(Dockerfile:7): stage assets ran again"
	for _, row := range []struct {
		when string
		does func()
		says []string // of the stage test, and of those that it ran for
	}{
		{"at first", build(), []string{"never built here"}},
		{"a file changed", all(func() { s.write("www/a", "c") }, build()), []string{ran, files + "www/a changed"}},
		{"nothing changed", buildAndWriteNothing, []string{ran, files + "www/a changed", "from cache last now"}},
		{"an argument changed", all(func() { s.edit("compose.yaml", "'1'", "'2'") }, build()), []string{ran, "build argument LEVEL has another value"}},
		{"the cache was collected", all(func() { s.run(0, "gc", "--all") }, build()), []string{ran, files + "the inputs are equal, and its entry in the cache was gone"}},
		{"it was asked for", build("--no-cache"), []string{"(Dockerfile:7): asked to run without the cache"}},
		{"the base moved", all(func() { move("debian") }, build("--pull")), []string{ran, "FROM base:1 AS assets (Dockerfile:1): base:1 was "}},
		{"the engine was killed", all(s.killEngine, func() { s.write("www/d", "d") }, build()), []string{ran, files + "www/d is new"}},
		{"a plan was made", all(func() { s.write("www/d", "e") }, func() { s.run(0, "plan") }), []string{ran, files + "www/d changed"}},
	} {
		row.does()
		out := s.run(0, "why", "test")
		for _, word := range row.says {
			if !strings.Contains(out, word) {
				t.Errorf("%s, and why does not say %q:\n%s", row.when, word, out)
			}
		}
	}

	t.Run("a failure says why it was tried, also the next time", func(t *testing.T) {
		s := s.sub(t)
		s.edit("Dockerfile", "RUN test -s /page", "RUN test ! -s /page")
		failed := s.try("build")
		const was = "RUN test ! -s /page (Dockerfile:7): it was RUN test -s /page"
		if failed.code == 0 || !strings.Contains(failed.out, "because "+was) {
			t.Errorf("build: %+v", failed)
		}
		if out := s.run(0, "why", "test"); !strings.Contains(out, was) || !strings.Contains(out, "failed") {
			t.Errorf("why test:\n%s", out)
		}
		s.try("build")
		if out := s.run(0, "why", "test"); !strings.Contains(out, "(Dockerfile:7): failed the last time") {
			t.Errorf("why test, after it failed again:\n%s", out)
		}
	})

	t.Run("a stage that runs nothing is what it is from", func(t *testing.T) {
		s := s.sub(t)
		if out := s.run(0, "why", "empty"); !strings.HasPrefix(out, "empty runs nothing: it is what assets is\n  assets ran ") || !strings.Contains(out, files) {
			t.Errorf("why empty:\n%s", out)
		}
		if named, asKept := s.run(0, "why", "ASSETS"), s.run(0, "why", "assets"); named != asKept {
			t.Errorf("why ASSETS:\n%s\nand not\n%s", named, asKept)
		}
		s.refused(2, []string{"why", ""}, "the name of the stage is empty")
	})

	t.Run("without a checkout", func(t *testing.T) {
		s := s.sub(t)
		if err := os.Remove(s.path("compose.yaml")); err != nil {
			t.Fatal(err)
		}
		s.dir = t.TempDir()
		out := s.run(0, "why", "-e", "shop/local")
		for _, stage := range []string{"assets", "empty", "test", "other", "web"} {
			if !strings.Contains(out, "\n"+stage+" ") {
				t.Errorf("%s is not listed:\n%s", stage, out)
			}
		}
		var told []struct {
			Key string
			Run *struct {
				State   string
				Because []struct{ Kind, Text, File string }
			}
		}
		s.readJSON(&told, "why", "-e", "shop/local", "web")
		if len(told) != 2 || told[0].Key != "stage:web" || told[1].Key != "stage:assets" {
			t.Fatalf("why web: %+v", told)
		}
		if told[0].Run.Because[0].Kind != "again" || told[1].Run.Because[0].Kind != "files" {
			t.Errorf("why web: %+v %+v", *told[0].Run, *told[1].Run)
		}
		if out := s.run(0, "__complete", "why", "-e", "shop/local", "o"); !strings.HasPrefix(out, "other\n") {
			t.Errorf("completion of o: %s", out)
		}
		s.refused(8, []string{"why", "-e", "shop/local", "nothing"}, "assets, empty, other, test, web")
		s.refused(8, []string{"why", "-e", "none/local", "test"}, "no build of none is recorded", "seaworthy build")
	})
}

// Whether a base has to be fetched shows when something takes from it: a stage that is nothing else is told to be cached, or why it
// is not.
func TestAStageThatOnlyFetchesIsCachedOrSaysWhyItIsNot(t *testing.T) {
	t.Parallel()
	s := newSite(t, map[string]string{"Dockerfile": "FROM base:1 AS bare\nFROM bare AS made\nRUN true\nFROM made AS only\nCMD [\"sleep\", \"infinity\"]\n"})
	s.mirror("base", "1", "busybox")
	const again = "because FROM base:1 AS bare (Dockerfile:1): it was no longer here, and fetched again"
	for _, row := range []struct {
		when      string
		does      func()
		says, not []string
	}{
		{"at first", func() {}, []string{"[only] nothing to run", "[bare] done in ", "[bare] because never built here"}, []string{"[bare] cached"}},
		{"nothing changed", func() {}, []string{"from cache: bare, made\n"}, []string{"[bare] done", "because"}},
		{"the cache was collected", func() { s.run(0, "gc", "--all") }, []string{"[bare] done in ", "[bare] " + again}, []string{"[bare] cached"}},
	} {
		row.does()
		out := s.run(0, "build")
		for _, word := range row.says {
			if strings.Count(out, word) != 1 {
				t.Errorf("%s, and build does not say %q once:\n%s", row.when, word, out)
			}
		}
		for _, word := range row.not {
			if strings.Contains(out, word) {
				t.Errorf("%s, and build says %q:\n%s", row.when, word, out)
			}
		}
	}
	if out := s.run(0, "why", "only"); !strings.HasPrefix(out, "only runs nothing: it is what made is\n  made ran ") {
		t.Errorf("why only:\n%s", out)
	}
	if out := s.run(0, "why", "bare"); !strings.HasPrefix(out, "bare ran ") || !strings.Contains(out, strings.TrimPrefix(again, "because ")) {
		t.Errorf("why bare:\n%s", out)
	}
}
