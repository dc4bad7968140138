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

// link is a spell of work on a span.
type link struct {
	span release.Span
	release.Spell
}

// chain is the critical path, spell by spell: none begins before the one before it has ended.
func chain(spans []release.Span) []link {
	byKey := make(map[string]int, len(spans))
	at, end := -1, release.Spell{}
	for i, s := range spans {
		byKey[s.Key] = i
		if n := len(s.Worked); n > 0 && (at < 0 || s.Worked[n-1].Ended.After(end.Ended)) {
			at, end = i, s.Worked[n-1]
		}
	}
	var path []link
	for at >= 0 {
		path = append(path, link{spans[at], end})
		at, end = before(spans, byKey, at, end.Started)
	}
	slices.Reverse(path)
	return path
}

// before is what ended last, until some time, of all that a span takes from; -1: nothing did. What did not have to be looked at is
// passed through.
func before(spans []release.Span, byKey map[string]int, of int, until time.Time) (latest int, spell release.Spell) {
	latest = -1
	seen := map[int]bool{of: true}
	var visit func(int)
	visit = func(i int) {
		for _, key := range spans[i].After {
			in, known := byKey[key]
			if !known || seen[in] {
				continue
			}
			seen[in] = true
			if len(spans[in].Worked) == 0 {
				visit(in)
			}
			for _, s := range spans[in].Worked {
				if !s.Ended.After(until) && (latest < 0 || s.Ended.After(spell.Ended)) {
					latest, spell = in, s
				}
			}
		}
	}
	visit(of)
	return latest, spell
}

// legs joins what belongs to the same step. Each begins where the one before it ends: what lies between is the wait for a free
// place.
func legs(path []link) []release.Leg {
	var all []release.Leg
	var longest time.Duration
	for i, part := range partsAlong(path) {
		s := path[i]
		began := s.Started
		if i > 0 {
			began = path[i-1].Ended
		}
		if n := len(all); n == 0 || all[n-1].Step != part.Step {
			all, longest = append(all, release.Leg{Step: part.Step, Spell: release.Spell{Started: began}}), -1
		}
		leg := &all[len(all)-1]
		leg.Ended = s.Ended
		leg.Waited += s.Started.Sub(began)
		if took := s.Took(); took > longest {
			leg.Line, leg.Text, longest = part.Line, part.Text, took
		}
	}
	return all
}

// partsAlong chooses, where several steps share a span, the one that the path goes on with.
func partsAlong(path []link) []release.Part {
	parts := make([]release.Part, len(path))
	next := ""
	for i, s := range slices.Backward(path) {
		of := s.span.Of
		at := max(0, slices.IndexFunc(of, func(p release.Part) bool { return p.Step == next }))
		if len(of) > 0 {
			parts[i] = of[at]
		}
		next = parts[i].Step
	}
	return parts
}
