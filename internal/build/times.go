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

// time notes when a stage was worked on, by the solver's clock, how long it waited for a free place, and how much it moved. That
// something was found in the cache is no work on it.
func (p *progress) time(s *stage) {
	run := &s.run
	run.Queued, run.Started, run.Ended, run.Bytes = time.Time{}, time.Time{}, time.Time{}, 0
	var worked, queued release.Spells
	for _, in := range s.instructions {
		run.Bytes += in.bytes()
		for _, v := range in.vertices {
			work, queue := p.work(v)
			worked, queued = append(worked, work...), append(queued, queue...)
		}
	}
	run.Worked = worked.Joined(pause)
	queued = queued.Joined(0).Without(run.Worked)
	run.Waited = queued.Took()
	n := len(run.Worked)
	if n == 0 {
		return
	}
	run.Queued, run.Started, run.Ended = run.Worked[0].Started, run.Worked[0].Started, run.Worked[n-1].Ended
	if len(queued) > 0 && queued[0].Started.Before(run.Queued) {
		run.Queued = queued[0].Started
	}
}

// work is when a vertex was worked on since the build began, and when it waited for a free place. From when all is there that it
// takes it is prepared: what it takes is looked through, and unpacked.
func (p *progress) work(v *vertex) (worked, queued release.Spells) {
	if worked = v.worked(p.began); len(worked) == 0 {
		return nil, nil
	}
	queued = v.queued.Since(p.began, time.Now()).Joined(0)
	began := worked[0].Started
	if ready := p.ready(v, began); v.source == "" && ready.Before(began) {
		worked = append(release.Spells{{Started: ready, Ended: began}}.Without(queued), worked...).Joined(0)
	}
	return worked, queued
}

// ready is when all was there that a vertex takes from, of what was when it began.
func (p *progress) ready(v *vertex, began time.Time) time.Time {
	at := v.known
	if p.goes.After(at) {
		at = p.goes
	}
	seen := map[digest.Digest]bool{}
	var visit func([]digest.Digest)
	visit = func(before []digest.Digest) {
		for _, dgst := range before {
			in := p.vertices[dgst]
			if in == nil || seen[dgst] {
				continue
			}
			seen[dgst] = true
			worked := in.worked(p.began)
			if len(worked) == 0 { // it did not have to be looked at; what it takes from may have had to
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
	if at.After(began) || at.IsZero() {
		return began
	}
	return at
}

// queue notes that a vertex waited for a free place to work in.
func (p *progress) queue(dgst digest.Digest, waited release.Spell) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if v := p.known(dgst); v != nil {
		v.queued = append(v.queued, waited)
	}
}

// understood notes that all targets are, and that work on them begins.
func (p *progress) understood() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.goes.IsZero() {
		p.goes = time.Now()
	}
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
		one := release.Span{Key: p.id(v.digest), Of: p.partsOf(v)}
		if v.state != event.Stopped { // nobody waited for its end
			one.Worked, _ = p.work(v)
		}
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
