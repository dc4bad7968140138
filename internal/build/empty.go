package build

import (
	"slices"

	"github.com/seaworthyhq/seaworthy/internal/event"
)

// empty reports whether nothing has to be made for a stage: it only says how what it is FROM is to be run. It ends with that.
func (s *stage) empty() bool { return len(s.instructions) == 0 }

// learned notes that all is known of the stages that a target needs.
func (p *progress) learned(needed []Stage) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, at := range needed {
		s := p.stage(at.Key)
		s.learned = true
		if s.empty() {
			p.advance(s)
		}
	}
}

// complete reports whether all has ended well that a stage takes from.
func (p *progress) complete(s *stage) bool {
	return !slices.ContainsFunc(p.edges.takes[s.key], func(from string) bool {
		state := p.stage(from).state
		return state != event.Done && state != event.Cached
	})
}

// passOn ends the empty stages that a stage was the last of which they needed.
func (p *progress) passOn(s *stage) {
	for _, key := range p.edges.givesTo[s.key] {
		if next := p.stages[key]; next != nil && next.empty() {
			p.advance(next)
		}
	}
}
