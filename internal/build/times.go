package build

import (
	"strings"
	"time"

	"github.com/opencontainers/go-digest"

	"github.com/seaworthyhq/seaworthy/internal/release"
)

// time notes when a stage was worked on, by the solver's clock, and how much it moved. Where all that follows it came from
// cache nothing of it was looked at, and it has no times.
func (p *progress) time(s *stage) {
	run := &s.run
	run.Queued, run.Started, run.Ended, run.Bytes = time.Time{}, time.Time{}, time.Time{}, 0
	for _, in := range s.instructions {
		run.Bytes += in.bytes()
		for _, v := range in.vertices {
			if v.began.IsZero() {
				continue
			}
			if run.Started.IsZero() || v.began.Before(run.Started) {
				run.Started, run.Queued = v.began, p.ready(v)
			}
			if v.ended.After(run.Ended) {
				run.Ended = v.ended
			}
		}
	}
	if run.Ended.IsZero() && !run.Started.IsZero() { // cut off
		run.Ended = time.Now()
	}
}

// ready is when all was there that a vertex takes from.
func (p *progress) ready(v *vertex) time.Time {
	at := v.known
	seen := map[digest.Digest]bool{}
	var visit func([]digest.Digest)
	visit = func(inputs []digest.Digest) {
		for _, dgst := range inputs {
			in := p.vertices[dgst]
			switch {
			case in == nil || seen[dgst]:
			case in.ended.After(at) && !in.ended.After(v.began):
				at = in.ended
			case in.ended.IsZero(): // it did not have to be looked at; what it takes from may have had to
				seen[dgst] = true
				visit(in.inputs)
			}
		}
	}
	visit(v.inputs)
	if at.IsZero() || at.After(v.began) {
		return v.began
	}
	return at
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
		if !v.ended.IsZero() {
			one.Started, one.Ended = v.began, v.ended
		}
		for _, in := range v.inputs {
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
