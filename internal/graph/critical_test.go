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

func span(key, step string, started, ended float64, after ...string) release.Span {
	s := release.Span{Key: key, After: after, Of: []release.Part{{Step: step, Text: key}}}
	if ended > 0 {
		s.Started, s.Ended = at(started), at(ended)
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
			{Step: "web", Text: "from", Started: at(0), Ended: at(0.1)},
			{Step: "builder", Text: "compile", Started: at(0.1), Ended: at(20)},
			{Step: "web", Text: "copy", Started: at(20), Ended: at(20.5)},
		}},
		"its own": {pipeline(20, 30), []release.Leg{
			{Step: "web", Text: "packages", Started: at(0), Ended: at(30.5)},
		}},
		"through what was cached": {[]release.Span{
			span("a", "a", 0, 2), span("b", "b", 0, 0, "a"), span("c", "c", 2.5, 3, "b"),
		}, []release.Leg{{Step: "a", Text: "a", Started: at(0), Ended: at(2)}, {Step: "c", Text: "c", Started: at(2), Ended: at(3)}}},
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
	want := []release.Leg{{Step: "two", Line: 7, Text: "shared", Started: at(0), Ended: at(2)}}
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
			if len(path) > 0 && s.Ended.After(path[len(path)-1].Ended) || len(path) == 0 && !s.Ended.IsZero() {
				t.Fatalf("seed %d: %s ended after the path", seed, s.Key)
			}
		}
		for i := 1; i < len(path); i++ {
			near := nearest(spans, byKey, path[i].Key)
			if !near[path[i-1].Key] {
				t.Fatalf("seed %d: %s does not take from %s", seed, path[i].Key, path[i-1].Key)
			}
			for key := range near {
				if spans[byKey[key]].Ended.After(path[i-1].Ended) {
					t.Fatalf("seed %d: %s waited for %s, not for %s", seed, path[i].Key, key, path[i-1].Key)
				}
			}
		}
		if len(path) > 0 && len(nearest(spans, byKey, path[0].Key)) > 0 {
			t.Fatalf("seed %d: %s waited for something", seed, path[0].Key)
		}
		for i, l := range found {
			if i > 0 && (l.Started != found[i-1].Ended || l.Step == found[i-1].Step) {
				t.Fatalf("seed %d: leg %d: %+v after %+v", seed, i, l, found[i-1])
			}
			if l.Took() < 0 {
				t.Fatalf("seed %d: leg %+v ends before it starts", seed, l)
			}
		}
		if len(path) > 0 && (found[0].Started != path[0].Started || found[len(found)-1].Ended != path[len(path)-1].Ended) {
			t.Fatalf("seed %d: legs %+v of %+v", seed, found, path)
		}
	}
}

// randomSpans is work that starts once all that it takes from has ended, and then waits for a while. Some of it is cached.
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
			s.Started = begin.Add(time.Duration(r.IntN(3)) * time.Second)
			s.Ended = s.Started.Add(time.Duration(1+r.IntN(9)) * time.Second)
			ready[s.Key] = s.Ended
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
		if !spans[byKey[in]].Ended.IsZero() {
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
	spans[0].Started, spans[0].Ended = at(0), at(1)
	spans[4999].Started, spans[4999].Ended = at(1), at(2)
	if got := CriticalPath(spans); len(got) != 2 || !slices.ContainsFunc(got, func(l release.Leg) bool { return l.Step == "999" }) {
		t.Errorf("%+v", got)
	}
}
