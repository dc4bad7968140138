package build

import (
	"slices"
	"strings"
	"time"

	"github.com/opencontainers/go-digest"

	"github.com/seaworthyhq/seaworthy/internal/event"
	"github.com/seaworthyhq/seaworthy/internal/release"
)

// pause is how long at most a step is worked on without a break although nothing is: from one of its instructions to the next.
const pause = 10 * time.Millisecond

// time notes when a stage was worked on, by the solver's clock, how long it waited though it could have been, and how much it
// moved. That something was found in the cache is no work on it.
func (p *progress) time(s *stage) {
	run := &s.run
	run.Queued, run.Started, run.Ended, run.Bytes = time.Time{}, time.Time{}, time.Time{}, 0
	var worked, waited release.Spells
	for _, in := range s.instructions {
		run.Bytes += in.bytes()
		for _, v := range in.vertices {
			for _, spell := range v.worked() {
				worked = append(worked, spell)
				if ready := p.ready(v, spell.Started); ready.Before(spell.Started) {
					waited = append(waited, release.Spell{Started: ready, Ended: spell.Started})
				}
			}
		}
	}
	run.Worked = worked.Joined(pause)
	run.Waited = waited.Joined(0).Without(run.Worked).Took()
	if n := len(run.Worked); n > 0 {
		run.Queued, run.Started, run.Ended = run.Worked[0].Started, run.Worked[0].Started, run.Worked[n-1].Ended
		for _, s := range waited {
			if s.Ended.Equal(run.Started) && s.Started.Before(run.Queued) {
				run.Queued = s.Started
			}
		}
	}
}

// ready is when all was there that a vertex takes from, of what was when it began. What fetches is asked for when it is needed, and
// waits for nothing.
func (p *progress) ready(v *vertex, began time.Time) time.Time {
	if v.source != "" || v.writes || v.known.IsZero() {
		return began
	}
	at := v.known
	seen := map[digest.Digest]bool{}
	var visit func([]digest.Digest)
	visit = func(before []digest.Digest) {
		for _, dgst := range before {
			in := p.vertices[dgst]
			if in == nil || seen[dgst] {
				continue
			}
			seen[dgst] = true
			worked := in.worked()
			if len(worked) == 0 {
				visit(in.before())
			}
			for _, s := range worked {
				if s.Ended.After(at) && !s.Ended.After(began) {
					at = s.Ended
				}
			}
		}
	}
	visit(v.before())
	if at.After(began) {
		return began
	}
	return at
}

// before is what a vertex takes from. One that was found takes its result from where that was made.
func (v *vertex) before() []digest.Digest {
	if v.state != event.Cached || v.of == nil {
		return v.inputs
	}
	before := slices.Clone(v.inputs)
	for _, twin := range v.of.vertices {
		if twin.state == event.Done {
			before = append(before, twin.digest)
		}
	}
	return before
}

// spans are the vertices with their times, for the critical path.
func (p *progress) spans() []release.Span {
	p.mu.Lock()
	defer p.mu.Unlock()
	var all []release.Span
	for _, v := range p.order {
		if v.of == nil {
			continue
		}
		one := release.Span{Key: p.id(v.digest), Of: p.partsOf(v), Worked: v.worked()}
		for _, in := range v.before() {
			one.After = append(one.After, p.id(in))
		}
		all = append(all, one)
	}
	return all
}

// partsOf is what a vertex is in each of its stages.
func (p *progress) partsOf(v *vertex) []release.Part {
	var all []release.Part
	for _, at := range v.of.places {
		one := release.Part{Step: at.Step, Line: at.Line, Text: v.of.text}
		switch {
		case v.writes:
			one.Line = 0
		case v.of.line > 0 && !strings.HasPrefix(one.Text, onbuild):
			one.Text = p.lines(place{at.Line, at.EndLine})
		}
		all = append(all, one)
	}
	return all
}
