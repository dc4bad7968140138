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
	at   int // of the span's
	release.Spell
}

// chain is the critical path, spell by spell: none begins before the one before it has ended.
func chain(spans []release.Span) []link {
	byKey := make(map[string]int, len(spans))
	var last *link
	for i, s := range spans {
		byKey[s.Key] = i
		if n := len(s.Worked); n > 0 && (last == nil || s.Worked[n-1].Ended.After(last.Ended)) {
			last = &link{s, n - 1, s.Worked[n-1]}
		}
	}
	var path []link
	for last != nil {
		path = append(path, *last)
		last = before(spans, byKey, *last)
	}
	slices.Reverse(path)
	return path
}

// before is what ended last before a spell of work, of what was done for the same span and of all that it takes from; nil: nothing
// did. What did not have to be looked at is passed through.
func before(spans []release.Span, byKey map[string]int, of link) (latest *link) {
	consider := func(s release.Span, upTo int) {
		for i, w := range s.Worked[:upTo] {
			if !w.Ended.After(of.Started) && (latest == nil || w.Ended.After(latest.Ended)) {
				latest = &link{s, i, w}
			}
		}
	}
	seen := map[string]bool{of.span.Key: true}
	var visit func(release.Span)
	visit = func(s release.Span) {
		for _, key := range s.After {
			in, known := byKey[key]
			if !known || seen[key] {
				continue
			}
			seen[key] = true
			if len(spans[in].Worked) == 0 {
				visit(spans[in])
			}
			consider(spans[in], len(spans[in].Worked))
		}
	}
	visit(of.span)
	consider(of.span, of.at)
	return latest
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
