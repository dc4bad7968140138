package build_test

import (
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/seaworthyhq/seaworthy/internal/build"
	"github.com/seaworthyhq/seaworthy/internal/event"
	"github.com/seaworthyhq/seaworthy/internal/release"
)

func TestNothingChangedGivesTheSameImageFromTheCache(t *testing.T) {
	y := newYard(t)
	dir := project(t, map[string]string{"Dockerfile": pipeline, "main.txt": "hello\n"})
	first, _ := y.build(t, y.request(t, dir, "=web", "test"))

	again, rec := y.build(t, y.request(t, dir, "=web", "test"))

	if a, b := first.Images["stage:web"].Digest, again.Images["stage:web"].Digest; a != b {
		t.Errorf("digest %s became %s", a, b)
	}
	if !again.Images["stage:web"].Known {
		t.Error("the image was made again")
	}
	want := map[string]event.State{"stage:builder": event.Cached, "stage:test": event.Cached, "stage:web": event.Cached}
	if diff := cmp.Diff(want, rec.steps()); diff != "" {
		t.Errorf("steps (-want +got):\n%s", diff)
	}
}

func TestCacheOutlivesTheEngine(t *testing.T) {
	y := newYard(t)
	dir := project(t, map[string]string{"Dockerfile": pipeline, "main.txt": "hello\n"})
	first, _ := y.build(t, y.request(t, dir, "=web"))
	if err := y.Close(); err != nil {
		t.Fatal(err)
	}
	y.Builder = openBuilder(t, build.Config{Root: y.root, Store: y.store})

	again, rec := y.build(t, y.request(t, dir, "=web"))

	if a, b := first.Images["stage:web"].Digest, again.Images["stage:web"].Digest; a != b || !again.Images["stage:web"].Known {
		t.Errorf("digest %s became %s, known: %v", a, b, again.Images["stage:web"].Known)
	}
	if got := rec.steps()["stage:web"]; got != event.Cached {
		t.Errorf("web is %s", got)
	}
}

func TestOneChangeRunsOnlyWhatDependsOnIt(t *testing.T) {
	y := newYard(t)
	dir := project(t, map[string]string{
		"Dockerfile": "FROM busybox AS deps\nRUN echo deps > /deps\nFROM deps AS web\nCOPY main.txt /main.txt\n",
		"main.txt":   "one",
	})
	first, _ := y.build(t, y.request(t, dir, "=web"))
	write(t, filepath.Join(dir, "main.txt"), "other")

	again, rec := y.build(t, y.request(t, dir, "=web"))

	if first.Images["stage:web"].Digest == again.Images["stage:web"].Digest {
		t.Error("the image did not change")
	}
	want := map[string]event.State{"stage:deps": event.Cached, "stage:web": event.Done}
	if diff := cmp.Diff(want, rec.steps()); diff != "" {
		t.Errorf("steps (-want +got):\n%s", diff)
	}
}

func TestStagesThatAreToRunAgainDo(t *testing.T) {
	y := newYard(t)
	dir := project(t, map[string]string{
		"Dockerfile": "FROM busybox AS news\nRUN echo news > /news\nFROM busybox AS deps\nRUN echo deps > /deps\n",
	})
	y.build(t, y.request(t, dir, "news", "deps"))
	req := y.request(t, dir, "news", "deps")
	req.NoCacheFilter = []string{"news"}

	_, rec := y.build(t, req)

	want := map[string]event.State{"stage:news": event.Done, "stage:deps": event.Cached}
	if diff := cmp.Diff(want, rec.steps()); diff != "" {
		t.Errorf("steps (-want +got):\n%s", diff)
	}
}

func TestImageDoesNotDependOnWhenItWasBuilt(t *testing.T) {
	dir := project(t, map[string]string{"Dockerfile": "FROM busybox AS web\nCOPY main.txt /\nCMD [\"true\"]\n", "main.txt": "hello"})
	one, two := newYard(t), newYard(t)

	a, _ := one.build(t, one.request(t, dir, "=web"))
	b, _ := two.build(t, two.request(t, dir, "=web"))

	if a.Images["stage:web"].Digest != b.Images["stage:web"].Digest {
		t.Errorf("two engines made %s and %s of the same", a.Images["stage:web"].Digest, b.Images["stage:web"].Digest)
	}
}

func TestBuildsAtTheSameTimeShareTheirStages(t *testing.T) {
	y := newYard(t)
	dir := project(t, map[string]string{
		"Dockerfile": "FROM busybox AS base\nRUN --mount=type=cache,target=/runs echo run >> /runs/log && sleep 0.3\n" +
			"FROM base AS web\nRUN --mount=type=cache,target=/runs wc -l < /runs/log > /count\n",
	})
	session := y.request(t, dir, "=web")
	var builds sync.WaitGroup
	results := make([]*build.Result, 3)
	for i := range results {
		builds.Go(func() {
			var err error
			if results[i], err = y.Build(t.Context(), session, event.Discard); err != nil {
				t.Errorf("build %d: %v", i, err)
			}
		})
	}
	builds.Wait()
	if t.Failed() {
		return
	}
	if got := y.read(t, results[0].Images["stage:web"], "count"); got != "1\n" {
		t.Errorf("the shared stage ran %q times", got)
	}
	for _, r := range results[1:] {
		if r.Images["stage:web"].Digest != results[0].Images["stage:web"].Digest {
			t.Errorf("digests differ: %v", results)
		}
	}
}

func TestPruneKeepsTheImages(t *testing.T) {
	y := newYard(t)
	dir := project(t, map[string]string{"Dockerfile": pipeline, "main.txt": "hello\n"})
	res, _ := y.build(t, y.request(t, dir, "=web"))
	before, err := y.DiskUsage(t.Context())
	if err != nil {
		t.Fatal(err)
	}

	freed, err := y.Prune(t.Context(), build.PruneOptions{All: true})
	if err != nil {
		t.Fatal(err)
	}
	if err := y.store.Collect(t.Context()); err != nil {
		t.Fatal(err)
	}

	after, err := y.DiskUsage(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if freed == 0 || after.Total >= before.Total {
		t.Errorf("freed %d: %+v became %+v", freed, before, after)
	}
	if got := y.read(t, res.Images["stage:web"], "app"); got != "HELLO\n" {
		t.Errorf("image has %q", got)
	}
	if _, rec := y.build(t, y.request(t, dir, "=web")); rec.steps()["stage:web"] != event.Done {
		t.Errorf("steps after prune: %v", rec.steps())
	}
}

func TestStagesWithoutANameAreBuiltByIndex(t *testing.T) {
	y := newYard(t)
	dir := project(t, map[string]string{
		"Dockerfile": "FROM busybox\nRUN echo zero > /zero\nFROM \\\n  busybox\nRUN echo checked; false\nFROM busybox\nCOPY --from=0 /zero /\n",
	})
	res, rec := y.build(t, y.request(t, dir, "=2", "=0"))
	if got := y.read(t, res.Images["stage:2"], "zero"); got != "zero\n" {
		t.Errorf("zero: %q", got)
	}
	want := map[string]event.State{"stage:0": event.Done, "stage:2": event.Done}
	if diff := cmp.Diff(want, rec.steps()); diff != "" {
		t.Errorf("steps (-want +got):\n%s", diff)
	}
	u, _ := y.fail(t, y.request(t, dir, "1"))
	if u.Kind != release.KindCheck || !strings.Contains(u.Error(), "check 1: RUN echo checked; false exited") ||
		!strings.Contains(u.Detail, ">>> RUN echo checked") || strings.Contains(u.Detail, "AS stage-1") {
		t.Errorf("%v\n%s", u, u.Detail)
	}
}

func TestWithASourceDateTheSameContentIsTheSameImageWithoutTheCache(t *testing.T) {
	y := newYard(t)
	dir := project(t, map[string]string{"main.txt": "hello\n", "Dockerfile": "FROM busybox AS web\nWORKDIR /w\nCOPY main.txt /made/\nRUN echo made > made && mkdir more\n"})
	var images []build.Image
	for range 2 {
		req := y.request(t, dir, "=web")
		req.NoCache, req.Args = true, map[string]string{"SOURCE_DATE_EPOCH": "1700000000"}
		res, _ := y.build(t, req)
		images = append(images, res.Images["stage:web"])
	}
	if images[0].Digest != images[1].Digest {
		t.Errorf("%s, then %s", images[0].Digest, images[1].Digest)
	}
	y.files(t, images[0], func(root string) {
		for _, name := range []string{"w/made", "w/more", "made/main.txt"} {
			info, err := os.Stat(filepath.Join(root, name))
			if err != nil || info.ModTime().Unix() != 1700000000 {
				t.Errorf("%s: %v, %v", name, info, err)
			}
		}
	})
}
