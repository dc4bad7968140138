package build

import (
	"slices"
	"strings"

	"github.com/opencontainers/go-digest"

	"github.com/seaworthyhq/seaworthy/internal/event"
)

// givenUpMark marks, in the solver's news, that nobody waits for a target any more.
func givenUpMark(t Target) digest.Digest { return digest.Digest("given up " + t.Key) }

// heardGivenUp stops the stages that only targets need which were given up. Where something of one still runs, it is stopped when that
// has ended.
func (p *progress) heardGivenUp(mark digest.Digest) bool {
	key, ok := strings.CutPrefix(string(mark), "given up ")
	target, known := p.targets[key]
	if !ok || !known {
		return false
	}
	p.tellMoved()
	p.givenUp.add(target)
	for _, s := range p.all {
		if s := p.stages[s.Key]; s != nil && !s.state.Ended() {
			p.advance(s)
		}
	}
	return true
}

// isGivenUp reports whether what a stage has yet to do will not be done.
func (p *progress) isGivenUp(s *stage) bool {
	if len(p.givenUp) == 0 || s.onlyFetches() {
		return false
	}
	if target, ok := p.targets[s.key]; ok && !p.givenUp.has(target) {
		return false
	}
	unfinished := s.unkept
	for _, in := range s.instructions {
		switch in.state {
		case event.Started:
			return false
		case event.Pending, event.Stopped:
			unfinished = true
			for target := range in.parts {
				if !p.givenUp.has(target) {
					return false
				}
			}
		}
	}
	return unfinished
}

// goesOn reports whether a stage does, which was taken for stopped: of what was on its way when its target was given up, the news may
// come later.
func (s *stage) goesOn() bool {
	return s.state == event.Stopped && slices.ContainsFunc(s.instructions, func(in *instruction) bool {
		return in.state == event.Started || in.state == event.Failed
	})
}
