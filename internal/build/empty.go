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

// edges are what stages take from each other, by key, as far as that is known.
type edges struct{ takes, givesTo map[string][]string }

func edgesOf(variants []Variant) edges {
	e := edges{map[string][]string{}, map[string][]string{}}
	for _, v := range variants {
		if len(v.Takes) != len(v.Stages) {
			continue
		}
		for i, from := range v.Takes {
			for _, j := range from {
				taker, giver := v.Stages[i].Key, v.Stages[j].Key
				if !slices.Contains(e.takes[taker], giver) {
					e.takes[taker], e.givesTo[giver] = append(e.takes[taker], giver), append(e.givesTo[giver], taker)
				}
			}
		}
	}
	return e
}

// needs reports whether one stage takes from another, directly or not, or is it.
func (e edges) needs(stage, other string) bool {
	seen := map[string]bool{stage: true}
	for todo := []string{stage}; len(todo) > 0; todo = todo[1:] {
		if todo[0] == other {
			return true
		}
		for _, from := range e.takes[todo[0]] {
			if !seen[from] {
				seen[from] = true
				todo = append(todo, from)
			}
		}
	}
	return false
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
