package graph

import (
	"slices"
	"time"

	"github.com/seaworthyhq/seaworthy/internal/release"
)

// CriticalPath is what the end of a pipeline waited for: back from what ended last, always to what ended last of that which it
// takes from. Stages overlap, so it is found among the pieces of their work, and then told by stage.
func CriticalPath(spans []release.Span) []release.Leg {
	return legs(chain(spans))
}

// chain is the critical path, span by span.
func chain(spans []release.Span) []release.Span {
	byKey := make(map[string]int, len(spans))
	last := -1
	for i, s := range spans {
		byKey[s.Key] = i
		if !s.Ended.IsZero() && (last < 0 || s.Ended.After(spans[last].Ended)) {
			last = i
		}
	}
	var path []release.Span
	for last >= 0 {
		path = append(path, spans[last])
		last = before(spans, byKey, last)
	}
	slices.Reverse(path)
	return path
}

// before is what ended last of all that a span takes from, or -1. What did not have to be looked at is passed through.
func before(spans []release.Span, byKey map[string]int, of int) int {
	latest := -1
	seen := map[int]bool{of: true}
	var visit func(int)
	visit = func(i int) {
		for _, key := range spans[i].After {
			in, known := byKey[key]
			if !known || seen[in] {
				continue
			}
			seen[in] = true
			switch s := spans[in]; {
			case s.Ended.IsZero():
				visit(in)
			case s.Ended.After(spans[of].Ended): // it was looked at again, for something else
			case latest < 0 || s.Ended.After(spans[latest].Ended):
				latest = in
			}
		}
	}
	visit(of)
	return latest
}

// legs joins what belongs to the same step. Each begins where the one before it ends: what lies between is the wait for a free
// place.
func legs(path []release.Span) []release.Leg {
	var all []release.Leg
	var longest time.Duration
	for i, part := range partsAlong(path) {
		s := path[i]
		started := s.Started
		if i > 0 {
			started = path[i-1].Ended
		}
		if n := len(all); n == 0 || all[n-1].Step != part.Step {
			all, longest = append(all, release.Leg{Step: part.Step, Started: started}), -1
		}
		leg := &all[len(all)-1]
		leg.Ended = s.Ended
		if took := s.Took(); took > longest {
			leg.Line, leg.Text, longest = part.Line, part.Text, took
		}
	}
	return all
}

// partsAlong chooses, where several steps share a span, the one that the path goes on with.
func partsAlong(path []release.Span) []release.Part {
	parts := make([]release.Part, len(path))
	next := ""
	for i, s := range slices.Backward(path) {
		at := max(0, slices.IndexFunc(s.Of, func(p release.Part) bool { return p.Step == next }))
		if len(s.Of) > 0 {
			parts[i] = s.Of[at]
		}
		next = parts[i].Step
	}
	return parts
}
