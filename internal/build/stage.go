package build

import (
	"maps"
	"slices"
	"strings"

	"github.com/opencontainers/go-digest"

	"github.com/seaworthyhq/seaworthy/internal/event"
	"github.com/seaworthyhq/seaworthy/internal/release"
)

// stage is the progress of one stage: it starts with its first instruction and ends when all have ended and its image, if
// it is to be one, is kept.
type stage struct {
	key          string
	instructions []*instruction
	learned      bool // a definition has said what belongs to it
	unkept       bool // its image has yet to be made
	uncollected  bool // its reports have yet to be looked for
	begun        bool // a process of it has
	state        event.State
	run          release.StepRun // what has become of it so far
}

func (p *progress) stage(key string) *stage {
	s, ok := p.stages[key]
	if !ok {
		s = &stage{key: key, state: event.Pending, run: release.StepRun{Key: key, State: string(event.Pending)}}
		p.stages[key] = s
	}
	return s
}

func (p *progress) assign(in *instruction, key string) {
	if s := p.stage(key); !slices.Contains(s.instructions, in) {
		s.instructions = append(s.instructions, in)
	}
}

// advance starts or ends a stage as its instructions say. That something of it is in the cache does not start it.
func (p *progress) advance(s *stage) {
	again := s.reopens() || s.goesOn()
	if s.state.Ended() && !again {
		return
	}
	if s.state == event.Pending && slices.ContainsFunc(s.instructions, (*instruction).worked) || again {
		p.emitStep(s, event.Started, "")
	}
	if s.uncollected {
		return
	}
	if failed := slices.IndexFunc(s.instructions, func(in *instruction) bool { return in.state == event.Failed }); failed >= 0 {
		p.emitStep(s, event.Failed, s.instructions[failed].err())
		return
	}
	if p.isGivenUp(s) {
		p.emitStep(s, event.Stopped, "")
		return
	}
	if p.unfinished(s) || slices.ContainsFunc(s.instructions, func(in *instruction) bool { return in.state == event.Stopped }) {
		return
	}
	state := event.Cached
	if s.ran() {
		state = event.Done
	}
	p.emitStep(s, state, "")
	p.passOn(s)
}

// unfinished reports whether something of a stage has yet to end. What only fetches ends more than once, so where there is
// anything else, that decides.
func (p *progress) unfinished(s *stage) bool {
	if s.unkept || !s.learned || s.empty() && !p.complete(s) {
		return true
	}
	onlyFetches := s.onlyFetches()
	if onlyFetches && s.ran() && !p.over && !p.taken(s) {
		return true
	}
	return slices.ContainsFunc(s.instructions, func(in *instruction) bool { return !in.state.Ended() && (onlyFetches || !in.fetches()) })
}

func (s *stage) ran() bool { return slices.ContainsFunc(s.instructions, (*instruction).ran) }

// onlyFetches reports whether a stage is nothing but the image that it is FROM.
func (s *stage) onlyFetches() bool {
	return !slices.ContainsFunc(s.instructions, func(in *instruction) bool { return !in.fetches() })
}

// reopens reports whether a stage has to be fetched after all, which ended as cached when it was found what it is: whether
// anything has to be fetched shows when something takes from it.
func (s *stage) reopens() bool { return s.state == event.Cached && s.onlyFetches() && s.ran() }

// taken reports whether what a stage fetches is there: something that takes from it has begun, or it is asked for itself.
func (p *progress) taken(s *stage) bool {
	if _, asked := p.targets[s.key]; asked {
		return true
	}
	return slices.ContainsFunc(p.order, func(v *vertex) bool {
		return v.state != event.Pending && v.state != event.Cached && slices.ContainsFunc(v.inputs, func(in digest.Digest) bool {
			from := p.vertices[in]
			return from != nil && slices.Contains(s.instructions, from.of)
		})
	})
}

// takes tells the stages that only fetch that something has begun to take from them.
func (p *progress) takes(v *vertex) {
	for _, in := range v.inputs {
		if from := p.vertices[in]; from != nil && from.of != nil && from.source != "" {
			p.advanceAll(from.of)
		}
	}
}

// built says that a target is complete.
func (p *progress) built(t Target) {
	p.mu.Lock()
	defer p.mu.Unlock()
	s := p.stage(t.Key)
	s.unkept = false
	p.advance(s)
}

// lastWordOf marks, in the solver's news, the end of what there is to hear of a target.
func lastWordOf(t Target) digest.Digest { return digest.Digest("built " + t.Key) }

// heardAll settles a target of which there are no more news: what was not heard of was not needed, since what follows it was cached.
func (p *progress) heardAll(mark digest.Digest) bool {
	key, ok := strings.CutPrefix(string(mark), "built ")
	target, known := p.targets[key]
	if !ok || !known {
		return false
	}
	p.settle(func(v *vertex) bool { return v.targets.has(target) }, event.Cached)
	return true
}

// finish ends what has not ended, when the build has.
func (p *progress) finish(err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	state := event.Cached
	if err != nil {
		state = event.Stopped
	}
	p.settle(func(*vertex) bool { return true }, state)
	p.tellMoved()
	p.over = true
	for _, t := range p.req.Targets {
		p.stage(t.Key) // also one that had nothing to do
	}
	for _, s := range p.all {
		if s.Built {
			p.stage(s.Key)
		}
	}
	for _, key := range slices.Sorted(maps.Keys(p.stages)) {
		s := p.stages[key]
		if s.onlyFetches() {
			p.advance(s)
		}
		if !s.state.Ended() {
			p.emitStep(s, state, "")
		}
	}
}

func (p *progress) settle(which func(*vertex) bool, state event.State) {
	if p.over {
		return
	}
	p.tellMoved()
	var settled []*vertex
	for _, v := range p.order {
		if v.state == event.Pending && v.of != nil && which(v) {
			v.state = state
			settled = append(settled, v)
		}
	}
	for _, v := range settled {
		switch {
		case state == event.Cached:
			p.refresh(v)
		case v.refresh():
			p.emitInstruction(v.of)
		}
	}
}

func (p *progress) emitStep(s *stage, state event.State, err string) {
	s.state = state
	s.run.State, s.run.Error, s.run.Empty = string(state), err, state == event.Cached && !slices.ContainsFunc(s.instructions, (*instruction).makes)
	if state.Ended() {
		p.time(s)
	}
	p.tellStep(s)
}

// tellStep says what is known of a stage.
func (p *progress) tellStep(s *stage) {
	step := event.Step{Key: s.key, State: s.state, Error: s.run.Error, Empty: s.run.Empty, Because: s.run.Because}
	if s.state.Ended() && !s.run.Started.IsZero() {
		step.Took = s.run.Took()
	}
	if s.run.Tests != (release.Tests{}) {
		step.Tests = &s.run.Tests
	}
	p.sink.Emit(event.Event{Type: event.TypeStep, Step: &step})
}

// because adds to why a stage did not come from cache. There is nothing to add of one that did.
func (p *progress) because(key string, reasons []release.Reason) {
	p.mu.Lock()
	defer p.mu.Unlock()
	s := p.stage(key)
	if s.state == event.Cached {
		return
	}
	before := len(s.run.Because)
	for _, r := range reasons {
		said := func(known release.Reason) bool {
			return known.Text == r.Text || known.Kind == r.Kind && r.Kind == release.ReasonAsked
		}
		if !slices.ContainsFunc(s.run.Because, said) {
			s.run.Because = append(slices.Clip(s.run.Because), r)
		}
	}
	if len(s.run.Because) > before && !p.over {
		p.tellStep(s)
	}
}

// runs are what became of the stages, by key.
func (p *progress) runs() []release.StepRun {
	p.mu.Lock()
	defer p.mu.Unlock()
	var all []release.StepRun
	for _, key := range slices.Sorted(maps.Keys(p.stages)) {
		all = append(all, p.stages[key].run)
	}
	return all
}
