package build_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
	"golang.org/x/sync/errgroup"

	"github.com/seaworthyhq/seaworthy/internal/build"
	"github.com/seaworthyhq/seaworthy/internal/cause"
	"github.com/seaworthyhq/seaworthy/internal/event"
	"github.com/seaworthyhq/seaworthy/internal/store/storetest"
)

// history builds a project over and over, and records what an engine would.
type history struct {
	t    *testing.T
	yard *yard
	dir  string
	made map[string]cause.Made

	fails bool // as is expected of the next builds
}

func newHistory(t *testing.T, files map[string]string) *history {
	return &history{t: t, yard: newYard(t), dir: project(t, files)}
}

// build builds the targets and returns why each step ran.
func (h *history) build(change func(*build.Request), targets ...string) map[string][]string {
	h.t.Helper()
	req := h.yard.request(h.t, h.dir, targets...)
	req.Before = h.made
	if change != nil {
		change(&req)
	}
	res, err := h.yard.Build(h.t.Context(), req, event.Discard)
	if (err != nil) != h.fails {
		h.t.Fatal(err)
	}
	h.made = recorded(h.made, res)
	return told(res)
}

func (h *history) expect(what string, got, want map[string][]string) {
	h.t.Helper()
	if want == nil {
		want = map[string][]string{}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		h.t.Errorf("%s: -want +got\n%s", what, diff)
	}
}

const twoSteps = `FROM busybox AS web
COPY a /a
RUN cp /a /b
`

func TestReasonsOutliveTheBuilder(t *testing.T) {
	h := newHistory(t, map[string]string{"Dockerfile": twoSteps, "a": "1"})
	h.build(nil, "=web")
	if err := h.yard.Close(); err != nil {
		t.Fatal(err)
	}
	h.yard.Builder = openBuilder(t, build.Config{Root: h.yard.root, Store: h.yard.store})
	h.expect("nothing changed", h.build(nil, "=web"), nil)
	write(t, filepath.Join(h.dir, "a"), "2")
	h.expect("a file changed", h.build(nil, "=web"), map[string][]string{"stage:web": {"files COPY a /a (Dockerfile:2): a changed"}})
}

func TestACacheThatWasCollectedIsTheReason(t *testing.T) {
	h := newHistory(t, map[string]string{"Dockerfile": twoSteps, "a": "1"})
	const gone = "gone COPY a /a (Dockerfile:2): the inputs are equal, and its entry in the cache was gone"
	h.build(nil, "=web")
	collect := func() { // a build that has ended lets go of its results soon after
		t.Helper()
		for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(10 * time.Millisecond) {
			_, err := h.yard.Prune(t.Context(), build.PruneOptions{All: true})
			left, errUsage := h.yard.DiskUsage(t.Context())
			switch err := errors.Join(err, errUsage); {
			case err == nil && left.Records == 0:
				return
			case err != nil || time.Now().After(deadline):
				t.Fatalf("%d records are left: %v", left.Records, err)
			}
		}
	}
	collect()
	h.expect("collected", h.build(nil, "=web"), map[string][]string{"stage:web": {gone}})
	write(t, filepath.Join(h.dir, "a"), "2")
	h.build(nil, "=web")
	write(t, filepath.Join(h.dir, "a"), "1")
	h.expect("as it was before", h.build(nil, "=web"), nil)
	write(t, filepath.Join(h.dir, "a"), "2")
	collect()
	h.expect("as it was before, and collected", h.build(nil, "=web"), map[string][]string{"stage:web": {gone}})
}

func TestAFailureIsAReasonTheNextTime(t *testing.T) {
	h := newHistory(t, map[string]string{"Dockerfile": "FROM busybox AS web\nCOPY a /a\nRUN grep 2 /a\nRUN echo more\n", "a": "1"})
	h.fails = true
	h.expect("at first", h.build(nil, "web"), map[string][]string{"stage:web": {"first never built here, as far as is recorded"}})
	h.expect("again", h.build(nil, "web"), map[string][]string{"stage:web": {"unfinished RUN grep 2 /a (Dockerfile:3): failed the last time"}})
	h.fails = false
	write(t, filepath.Join(h.dir, "a"), "2")
	h.expect("corrected", h.build(nil, "web"), map[string][]string{"stage:web": {"files COPY a /a (Dockerfile:2): a changed"}})
	h.fails = true
	if err := os.Remove(filepath.Join(h.dir, "a")); err != nil {
		t.Fatal(err)
	}
	h.expect("a file that is not there", h.build(nil, "web"), map[string][]string{"stage:web": {"files COPY a /a (Dockerfile:2): a is gone"}})
}

func TestABaseThatMovedIsNamedWithBothDigests(t *testing.T) {
	h := newHistory(t, map[string]string{
		"Dockerfile": "ARG OF=busybox\nFROM ${OF} AS web\nRUN echo\nFROM ${OF} AS only\nCMD [\"true\"]\n",
	})
	h.build(nil, "=web", "=only")
	storetest.Busybox(t, h.yard.store, storetest.Image{Ref: "docker.io/library/busybox:latest", Files: []storetest.File{{Name: "new", Content: []byte("new")}}})
	got := h.build(nil, "=web", "=only")
	for step, because := range got {
		if len(because) != 1 || !strings.HasPrefix(because[0], "base FROM ${OF} AS ") || !strings.Contains(because[0], ": busybox:latest was ") {
			t.Errorf("%s: %q", step, because)
		}
	}
	if len(got["stage:web"]) == 0 {
		t.Errorf("no reason: %q", got)
	}
	storetest.Busybox(t, h.yard.store, storetest.Image{
		Ref: "docker.io/library/other:1", Config: ocispec.ImageConfig{Env: []string{"PATH=/bin", "FLAVOUR=other"}}, Files: []storetest.File{{Name: "other", Content: []byte("other")}},
	})
	got = h.build(func(req *build.Request) { req.Args = map[string]string{"OF": "other:1"} }, "=web")
	if because := strings.Join(got["stage:web"], "\n"); len(got["stage:web"]) != 1 || !strings.Contains(because, ": build argument OF chose other:1 ") || !strings.Contains(because, " instead of busybox:latest ") {
		t.Errorf("another base: %q", because)
	}
}

func TestInstructionsThatAreSeveralOperationsHaveOneReason(t *testing.T) {
	h := newHistory(t, map[string]string{
		"Dockerfile": "FROM busybox AS web\nARG DIR=x\nWORKDIR /w\nCOPY --link a b /l/\nCOPY --exclude=*.md d/ /d/\nCOPY <<EOF /here\nhere\nEOF\nCOPY a /to/${DIR}\nRUN --mount=type=bind,target=/m ls /m\n",
		"a":          "1", "b": "1", "d/x": "1", "d/x.md": "1",
	})
	all := func(text string) map[string][]string { return map[string][]string{"stage:web": {text}} }
	h.build(nil, "=web")
	h.expect("nothing changed", h.build(nil, "=web"), nil)
	write(t, filepath.Join(h.dir, "b"), "2")
	h.expect("COPY --link", h.build(nil, "=web"), map[string][]string{"stage:web": {
		"files COPY --link a b /l/ (Dockerfile:4): b changed",
	}})
	write(t, filepath.Join(h.dir, "d/x.md"), "2")
	h.expect("excluded", h.build(nil, "=web"), all("files RUN --mount=type=bind,target=/m ls /m (Dockerfile:10): d/x.md changed"))
	write(t, filepath.Join(h.dir, "d/x"), "2")
	h.expect("not excluded", h.build(nil, "=web"), all("files COPY --exclude=*.md d/ /d/ (Dockerfile:5): d/x changed"))
	dir := func(req *build.Request) { req.Args = map[string]string{"DIR": "y"} }
	h.expect("an argument of COPY", h.build(dir, "=web"), all("argument COPY a /to/${DIR} (Dockerfile:9): build argument DIR has another value"))
}

func TestWhatIsFetchedAgainIsTold(t *testing.T) {
	var content atomic.Value
	content.Store("1")
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("ETag", fmt.Sprintf("%q", content.Load()))
		fmt.Fprint(w, content.Load())
	}))
	defer server.Close()
	h := newHistory(t, map[string]string{"Dockerfile": "FROM busybox AS web\nADD " + server.URL + "/file /\nRUN cat /file\n"})
	h.build(nil, "=web")
	h.expect("nothing changed", h.build(nil, "=web"), nil)
	content.Store("22")
	h.expect("another content", h.build(nil, "=web"), map[string][]string{
		"stage:web": {"fetched ADD " + server.URL + "/file / (Dockerfile:2): what it fetches is another thing, or was no longer in the cache"},
	})
}

// Two services may have Dockerfiles of their own that do the same.
func TestTwoDockerfilesAtOnceKeepTheirReasonsApart(t *testing.T) {
	y := newYard(t)
	dirs := []string{project(t, map[string]string{"Dockerfile": twoSteps, "a": "1"}), project(t, map[string]string{"Dockerfile": twoSteps, "a": "other"})}
	var made [2]map[string]cause.Made
	build := func() (all [2]map[string][]string) {
		t.Helper()
		var both errgroup.Group
		for i, dir := range dirs {
			req := y.request(t, dir, "=web")
			req.Targets[0].Name = fmt.Sprintf("seaworthy.local/test/%d:latest", i)
			req.Before = maps.Clone(made[i])
			both.Go(func() error {
				res, err := y.Build(t.Context(), req, event.Discard)
				if err == nil {
					all[i], made[i] = told(res), recorded(made[i], res)
				}
				return err
			})
		}
		if err := both.Wait(); err != nil {
			t.Fatal(err)
		}
		return all
	}
	build()
	write(t, filepath.Join(dirs[0], "a"), "2")
	got := build()
	want := [2]map[string][]string{{"stage:web": {"files COPY a /a (Dockerfile:2): a changed"}}, {}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("one changed: -want +got\n%s", diff)
	}
	write(t, filepath.Join(dirs[0], "a"), "3")
	write(t, filepath.Join(dirs[1], "a"), "4")
	got = build()
	want[1] = want[0]
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("both changed: -want +got\n%s", diff)
	}
}

func TestManyFilesAreListedOnceAndFound(t *testing.T) {
	files := map[string]string{"Dockerfile": "FROM busybox AS web\nCOPY . /all\n"}
	for i := range 10_000 {
		files[fmt.Sprintf("d%d/f%d", i%100, i)] = "1"
	}
	h := newHistory(t, files)
	h.build(nil, "=web")
	lists := func() int {
		t.Helper()
		found, err := os.ReadDir(filepath.Join(h.yard.root, "inputs"))
		if err != nil {
			t.Fatal(err)
		}
		var size int64
		for _, f := range found {
			if info, err := f.Info(); err == nil {
				size += info.Size()
			}
		}
		if size > 2<<20 {
			t.Errorf("%d lists take %d bytes", len(found), size)
		}
		return len(found)
	}
	first := lists()
	h.build(nil, "=web")
	if again := lists(); first != 2 || again != 2 { // the other one is of what is ignored
		t.Errorf("%d lists, and %d after nothing changed", first, again)
	}
	write(t, filepath.Join(h.dir, "d7/f7"), "2")
	write(t, filepath.Join(h.dir, "d7/new"), "2")
	if err := os.Remove(filepath.Join(h.dir, "d8/f8")); err != nil {
		t.Fatal(err)
	}
	h.expect("three changed", h.build(nil, "=web"), map[string][]string{"stage:web": {"files COPY . /all (Dockerfile:2): d7/f7 changed; d7/new is new; d8/f8 is gone"}})
}

func TestAStepThatWasStoppedSaysSoTheNextTime(t *testing.T) {
	h := newHistory(t, map[string]string{"Dockerfile": "FROM busybox AS web\nCOPY a /a\nRUN echo begun && if [ -s /a ]; then sleep 600; fi\n", "a": "1"})
	req := h.yard.request(t, h.dir, "web")
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	res, err := h.yard.Build(ctx, req, event.SinkFunc(func(e event.Event) {
		if e.Log != nil {
			cancel()
		}
	}))
	if err == nil || res == nil {
		t.Fatalf("result %v, error %v", res, err)
	}
	h.made = recorded(h.made, res)
	again, stop := context.WithCancel(t.Context())
	defer stop()
	req = h.yard.request(t, h.dir, "web")
	req.Before = h.made
	res, _ = h.yard.Build(again, req, event.SinkFunc(func(e event.Event) {
		if e.Log != nil {
			stop()
		}
	}))
	h.expect("again", told(res), map[string][]string{
		"stage:web": {"unfinished RUN echo begun && if [ -s /a ]; then sleep 600; fi (Dockerfile:3): was stopped the last time"},
	})
}

func TestWhatWasNotComeToIsNotBlamedForIt(t *testing.T) {
	h := newHistory(t, map[string]string{
		"Dockerfile": "FROM busybox AS slow\nCOPY a /a\nRUN grep 2 /a\nFROM scratch AS web\nWORKDIR /w\nCOPY --from=slow /a /a\nCOPY c/ /b/\n", "a": "2", "c/d": "",
	})
	const copied, again = "COPY --from=slow /a /a (Dockerfile:6): ", "stage slow ran again"
	first := []string{"first never built here, as far as is recorded"}
	unreadable := filepath.Join(h.dir, "c", "caf\xe9")
	write(t, unreadable, "no name")
	h.fails = true
	h.build(nil, "=web")
	if err := os.Remove(unreadable); err != nil {
		t.Fatal(err)
	}
	h.fails = false
	h.expect("after the context could not be read", h.build(nil, "=web"), map[string][]string{"stage:slow": first, "stage:web": first})
	write(t, filepath.Join(h.dir, "Dockerfile"), "FROM busybox AS slow\nCOPY a /a\nRUN grep 3 /a\nFROM scratch AS web\nWORKDIR /v\nCOPY --from=slow /a /a\nCOPY c/ /b/\n")
	h.fails = true
	h.expect("a failure elsewhere", h.build(nil, "=web"), map[string][]string{
		"stage:slow": {"instruction RUN grep 3 /a (Dockerfile:3): it was RUN grep 2 /a"},
	})
	write(t, filepath.Join(h.dir, "a"), "3")
	h.fails = false
	h.expect("after the failure elsewhere", h.build(nil, "=web"), map[string][]string{
		"stage:slow": {"files COPY a /a (Dockerfile:2): a changed"},
		"stage:web":  {"again " + copied + again, "instruction COPY --from=slow /a /a (Dockerfile:6) follows WORKDIR /v (Dockerfile:5): it was WORKDIR /w"},
	})
}

func TestAReasonIsOfAnInstructionThatRan(t *testing.T) {
	h := newHistory(t, map[string]string{
		"Dockerfile": "FROM busybox AS one\nCOPY a /a\nRUN echo 1\nFROM busybox AS two\nCOPY a /a\nRUN echo 2\n", "a": "1",
	})
	h.build(nil, "one", "two")
	write(t, filepath.Join(h.dir, "a"), "2")
	h.expect("one", h.build(nil, "one"), map[string][]string{"stage:one": {"files COPY a /a (Dockerfile:2): a changed"}})
	h.expect("two, of which the first instruction ran for one", h.build(nil, "two"), map[string][]string{
		"stage:two": {"files RUN echo 2 (Dockerfile:6) follows COPY a /a (Dockerfile:5): a changed"},
	})
}

func TestAReasonIsToldOnceAndBeforeTheWork(t *testing.T) {
	h := newHistory(t, map[string]string{
		"Dockerfile": "FROM busybox AS one\nRUN echo 1 > /one\nFROM busybox AS two\nRUN echo 2 > /two\nFROM scratch AS web\nCOPY --from=one /one /\nCOPY --from=two /two /\n",
	})
	h.build(nil, "=web")
	req := h.yard.request(t, h.dir, "=web")
	req.Before, req.NoCache = h.made, true
	res, rec := h.yard.build(t, req)
	for step, because := range told(res) {
		if len(because) != 1 || !strings.HasPrefix(because[0], "asked ") {
			t.Errorf("%s: %q", step, because)
		}
	}
	because := map[string]bool{}
	for _, e := range rec.all() {
		switch {
		case e.Step != nil && len(e.Step.Because) > 0:
			because[e.Step.Key] = true
		case e.Instruction != nil && e.Instruction.State == event.Started && strings.HasPrefix(e.Instruction.Text, "COPY"): // after others, so that all was known
			for _, step := range e.Instruction.Steps {
				if !because[step] {
					t.Errorf("%s is told to run %s, and not yet why", step, e.Instruction.Text)
				}
			}
		}
	}
	if len(because) != 3 {
		t.Errorf("reasons of %v", because)
	}
}

func TestWhatIsRecordedHasNoSecretsOfAnAddress(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "content") }))
	defer server.Close()
	const secret = "hunter2hunter2"
	address := strings.Replace(server.URL, "http://", "http://me:${TOKEN}@", 1) + "/file?key=${TOKEN}"
	h := newHistory(t, map[string]string{"Dockerfile": "FROM busybox AS web\nARG TOKEN\nADD " + address + " /file\nRUN cat /file\n"})
	with := func(req *build.Request) { req.Args = map[string]string{"TOKEN": secret} }
	h.build(with, "=web")
	write(t, filepath.Join(h.dir, "Dockerfile"), "FROM busybox AS web\nARG TOKEN\nADD "+address+" /other\nRUN cat /other\n")
	because := h.build(with, "=web")
	said, err := json.Marshal([]any{h.made, because})
	if err != nil {
		t.Fatal(err)
	}
	if len(because) == 0 || strings.Contains(string(said), secret) {
		t.Errorf("%s", said)
	}
}

// An image may be what another stage is, with only a command of its own.
func TestAnImageForWhichNothingIsMadeSaysSo(t *testing.T) {
	y := newYard(t)
	dir := project(t, map[string]string{"Dockerfile": "FROM busybox AS base\nRUN true\nFROM base AS test\nRUN true\nFROM base AS web\nCMD [\"true\"]\n"})
	for _, when := range []string{"at first", "from cache"} {
		res, err := y.Build(t.Context(), y.request(t, dir, "=web", "test"), event.Discard)
		if err != nil {
			t.Fatal(err)
		}
		got := map[string]bool{}
		for _, run := range res.Steps {
			got[run.Key] = run.Empty
		}
		want := map[string]bool{"stage:base": false, "stage:test": false, "stage:web": true}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: -want +got\n%s", when, diff)
		}
	}
}
