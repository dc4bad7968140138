package graph

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/seaworthyhq/seaworthy/internal/release"
)

func at(second float64) time.Time {
	return time.Unix(0, 0).Add(time.Duration(second * float64(time.Second)))
}

func spell(started, ended float64) release.Spell {
	return release.Spell{Started: at(started), Ended: at(ended)}
}

func span(key, step string, started, ended float64, after ...string) release.Span {
	s := release.Span{Key: key, After: after, Of: []release.Part{{Step: step, Text: key}}}
	if ended > 0 {
		s.Worked = release.Spells{spell(started, ended)}
	}
	return s
}

// The image takes from the builder at its end only: until then it has its own to do.
func TestCriticalPathKnowsWhichOfTwoWasWaitedFor(t *testing.T) {
	pipeline := func(builder, packages float64) []release.Span {
		end := max(builder, packages)
		return []release.Span{
			span("from", "web", 0, 0.1),
			span("compile", "builder", 0.1, builder, "from"),
			span("packages", "web", 0.1, packages, "from"),
			span("copy", "web", end, end+0.5, "packages", "compile"),
			span("check", "test", builder, builder+0.2, "compile"),
		}
	}
	for name, tc := range map[string]struct {
		spans []release.Span
		want  []release.Leg
	}{
		"the builder": {pipeline(20, 3), []release.Leg{
			{Step: "web", Text: "from", Spell: spell(0, 0.1)},
			{Step: "builder", Text: "compile", Spell: spell(0.1, 20)},
			{Step: "web", Text: "copy", Spell: spell(20, 20.5)},
		}},
		"its own": {pipeline(20, 30), []release.Leg{
			{Step: "web", Text: "packages", Spell: spell(0, 30.5)},
		}},
		"through what was cached": {[]release.Span{
			span("a", "a", 0, 2), span("b", "b", 0, 0, "a"), span("c", "c", 2.5, 3, "b"),
		}, []release.Leg{{Step: "a", Text: "a", Spell: spell(0, 2)}, {Step: "c", Text: "c", Spell: spell(2, 3), Waited: at(0.5).Sub(at(0))}}},
		"what is looked at again, for another": {func() []release.Span {
			source := span("source", "web", 0, 1)
			source.Worked = append(source.Worked, spell(5, 9))
			return []release.Span{source, span("compile", "web", 2, 4, "source"), span("copy", "web", 10, 11, "compile")}
		}(), []release.Leg{{Step: "web", Text: "compile", Spell: spell(0, 11), Waited: at(7).Sub(at(0))}}},
		"nothing": {[]release.Span{span("a", "a", 0, 0)}, nil},
	} {
		if diff := cmp.Diff(tc.want, CriticalPath(tc.spans)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

func TestCriticalPathStaysWithAStepWhereSeveralShareWork(t *testing.T) {
	shared := span("shared", "one", 0, 1)
	shared.Of = []release.Part{{Step: "one", Line: 2, Text: "shared"}, {Step: "two", Line: 7, Text: "shared"}}
	got := CriticalPath([]release.Span{shared, span("own", "two", 1, 2, "shared")})
	want := []release.Leg{{Step: "two", Line: 7, Text: "shared", Spell: spell(0, 2)}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

// However work depends on each other and waits for a free place: the path is a chain of what takes from each other, ends with
// what ended last, leaves out nothing that was waited for, and its legs fill the time from its begin to its end.
func TestCriticalPathIsAChainWithoutAnUnexplainedGap(t *testing.T) {
	for seed := range uint64(500) {
		spans := randomSpans(rand.New(rand.NewPCG(seed, 1)))
		path, found := chain(spans), CriticalPath(spans)
		byKey := map[string]int{}
		for i, s := range spans {
			byKey[s.Key] = i
		}
		for _, s := range spans {
			for _, w := range s.Worked {
				if len(path) == 0 || w.Ended.After(path[len(path)-1].Ended) {
					t.Fatalf("seed %d: %s ended after the path", seed, s.Key)
				}
			}
		}
		for i := 1; i < len(path); i++ {
			near := nearest(spans, byKey, path[i].span.Key)
			if !near[path[i-1].span.Key] && path[i-1].span.Key != path[i].span.Key { // it was looked at before
				t.Fatalf("seed %d: %s does not take from %s", seed, path[i].span.Key, path[i-1].span.Key)
			}
			if path[i-1].Ended.After(path[i].Started) {
				t.Fatalf("seed %d: %s began before %s had ended", seed, path[i].span.Key, path[i-1].span.Key)
			}
			for key := range near {
				if ended := endedUntil(spans[byKey[key]], path[i].Started); ended.After(path[i-1].Ended) {
					t.Fatalf("seed %d: %s waited for %s, not for %s", seed, path[i].span.Key, key, path[i-1].span.Key)
				}
			}
		}
		if len(path) > 0 {
			for key := range nearest(spans, byKey, path[0].span.Key) {
				if !endedUntil(spans[byKey[key]], path[0].Started).IsZero() {
					t.Fatalf("seed %d: %s waited for %s", seed, path[0].span.Key, key)
				}
			}
		}
		var worked time.Duration
		for _, s := range path {
			worked += s.Took()
		}
		for i, l := range found {
			if i > 0 && (l.Started != found[i-1].Ended || l.Step == found[i-1].Step) {
				t.Fatalf("seed %d: leg %d: %+v after %+v", seed, i, l, found[i-1])
			}
			if l.Waited < 0 || l.Took() < l.Waited {
				t.Fatalf("seed %d: leg %+v waited longer than it took", seed, l)
			}
			worked -= l.Took() - l.Waited
		}
		if worked != 0 {
			t.Fatalf("seed %d: legs %+v of %+v", seed, found, path)
		}
		if len(path) > 0 && (found[0].Started != path[0].Started || found[len(found)-1].Ended != path[len(path)-1].Ended) {
			t.Fatalf("seed %d: legs %+v of %+v", seed, found, path)
		}
	}
}

// endedUntil is when the last work on a span ended that did so until some time.
func endedUntil(s release.Span, until time.Time) (ended time.Time) {
	for _, w := range s.Worked {
		if !w.Ended.After(until) {
			ended = w.Ended
		}
	}
	return ended
}

// randomSpans is work that starts once all that it takes from has ended, and then waits for a while. Some of it is cached,
// some is looked at once more later.
func randomSpans(r *rand.Rand) []release.Span {
	var spans []release.Span
	ready := map[string]time.Time{}
	for i := range 1 + r.IntN(30) {
		s := release.Span{Key: fmt.Sprint(i), Of: []release.Part{{Step: fmt.Sprint(r.IntN(5))}}}
		begin := at(0)
		for range r.IntN(4) {
			if i > 0 {
				after := fmt.Sprint(r.IntN(i))
				s.After = append(s.After, after)
				if ready[after].After(begin) {
					begin = ready[after]
				}
			}
		}
		ready[s.Key] = begin
		if r.IntN(5) > 0 {
			for range 1 + r.IntN(2) {
				started := begin.Add(time.Duration(r.IntN(3)) * time.Second)
				s.Worked = append(s.Worked, release.Spell{Started: started, Ended: started.Add(time.Duration(1+r.IntN(9)) * time.Second)})
				begin = s.Worked[len(s.Worked)-1].Ended
			}
			ready[s.Key] = s.Worked[0].Ended
		}
		spans = append(spans, s)
	}
	r.Shuffle(len(spans), func(i, j int) { spans[i], spans[j] = spans[j], spans[i] })
	return spans
}

// nearest is the work that a span takes from, through what was cached.
func nearest(spans []release.Span, byKey map[string]int, key string) map[string]bool {
	found := map[string]bool{}
	for _, in := range spans[byKey[key]].After {
		if len(spans[byKey[in]].Worked) > 0 {
			found[in] = true
			continue
		}
		for k := range nearest(spans, byKey, in) {
			found[k] = true
		}
	}
	return found
}

func TestCriticalPathOfManySpansIsFoundAtOnce(t *testing.T) {
	var spans []release.Span
	for i := range 5000 {
		var after []string
		if i > 0 {
			after = []string{fmt.Sprint(i - 1), fmt.Sprint(max(0, i-2))}
		}
		spans = append(spans, span(fmt.Sprint(i), fmt.Sprint(i/5), float64(i), 0, after...))
	}
	spans[0].Worked = release.Spells{spell(0, 1)}
	spans[4999].Worked = release.Spells{spell(1, 2)}
	if got := CriticalPath(spans); len(got) != 2 || !slices.ContainsFunc(got, func(l release.Leg) bool { return l.Step == "999" }) {
		t.Errorf("%+v", got)
	}
}
