package build

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/moby/buildkit/client"
	"github.com/opencontainers/go-digest"

	"github.com/seaworthyhq/seaworthy/internal/event"
)

// settleAfter is how long after a target was built its last status may still be on the way.
const settleAfter = 50 * time.Millisecond

// progress tells what a build does, by stage and instruction. It learns from the definitions which vertex of the solver
// is which line of the Dockerfile, by digest, and follows the solver's status.
type progress struct {
	sink event.Sink
	req  *Request
	text []string // the Dockerfile's lines
	file string

	mu       sync.Mutex // guards the rest; held while emitting, so that events keep their order
	vertices map[digest.Digest]*vertex
	order    []*vertex // as learned
	stages   map[string]*stage
	warned   map[string]bool
	over     bool // nothing is told any more
}

// stage is the progress of one stage: it starts with its first vertex and ends when all have ended and its image, if it is
// to be one, is kept.
type stage struct {
	key      string
	vertices []*vertex
	unkept   bool // its image has yet to be made
	state    event.State
	started  time.Time
	ended    time.Time
}

func newProgress(req *Request, sink event.Sink) *progress {
	if sink == nil {
		sink = event.Discard
	}
	p := &progress{
		sink:     sink,
		req:      req,
		text:     strings.Split(string(req.Dockerfile), "\n"),
		file:     req.filename(),
		vertices: map[digest.Digest]*vertex{},
		stages:   map[string]*stage{},
		warned:   map[string]bool{},
	}
	for _, t := range req.Targets {
		p.stage(t.Key).unkept = t.Image
	}
	return p
}

func (p *progress) stage(key string) *stage {
	s, ok := p.stages[key]
	if !ok {
		s = &stage{key: key}
		p.stages[key] = s
	}
	return s
}

// learn takes in a definition that is about to be solved for a target. It reports whether that came from the Dockerfile.
func (p *progress) learn(target Target, g graph) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	owners := g.owners(p.req.Stages)
	for _, n := range g.nodes {
		v := p.vertex(n.digest)
		v.image = v.image || target.Image
		v.source = n.source
		v.targets = union(v.targets, []string{target.Key})
		if len(n.places) > 0 {
			p.place(v, n.places[0])
		} else if v.text == "" {
			v.text = plain(n.name)
		}
		for _, key := range owners[n.digest] {
			p.assign(v, key)
		}
		if v.line > 0 && v.state == "" {
			v.state = event.Pending
			p.emitInstruction(v)
		}
	}
	return g.located()
}

func (p *progress) vertex(dgst digest.Digest) *vertex {
	v, ok := p.vertices[dgst]
	if !ok {
		v = &vertex{digest: dgst}
		p.vertices[dgst] = v
		p.order = append(p.order, v)
	}
	return v
}

func (p *progress) assign(v *vertex, key string) {
	if slices.Contains(v.steps, key) {
		return
	}
	v.steps = append(v.steps, key)
	s := p.stage(key)
	s.vertices = append(s.vertices, v)
}

// place says where a vertex comes from: the first of the places, where identical instructions share it.
func (p *progress) place(v *vertex, at place) {
	if v.line == 0 || at.first < v.line {
		v.line, v.text = at.first, p.instruction(at)
	}
}

// instruction is the text of some lines of the Dockerfile, as it is written there.
func (p *progress) instruction(at place) string {
	if at.first > len(p.text) {
		return ""
	}
	return strings.TrimSpace(strings.Join(p.text[at.first-1:min(at.last, len(p.text))], "\n"))
}

// follow passes on the solver's status until it ends.
func (p *progress) follow(status <-chan *client.SolveStatus) {
	for s := range status {
		p.update(s)
	}
}

func (p *progress) update(s *client.SolveStatus) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, v := range s.Vertexes {
		p.updateVertex(v)
	}
	for _, st := range s.Statuses {
		p.updateTransfer(st)
	}
	for _, l := range s.Logs {
		p.log(l)
	}
	for _, w := range s.Warnings {
		p.warnLocked(string(w.Short), w.URL)
	}
}

func (p *progress) updateVertex(got *client.Vertex) {
	v := p.vertex(got.Digest)
	if v.text == "" {
		v.text = plain(got.Name)
	}
	if !v.take(got) {
		return
	}
	if v.state.Ended() {
		p.flushLog(v)
	}
	p.emitInstruction(v)
	for _, key := range v.steps {
		p.advance(p.stages[key])
	}
}

func (p *progress) updateTransfer(st *client.VertexStatus) {
	v := p.vertex(st.Vertex)
	if v.transfer(st) && v.state == event.Started {
		p.emitInstruction(v)
	}
}

// advance starts or ends a stage as its vertices say.
func (p *progress) advance(s *stage) {
	if s.state.Ended() && s.state != "" {
		return
	}
	if s.state == "" {
		if !slices.ContainsFunc(s.vertices, func(v *vertex) bool { return v.state != "" && v.state != event.Pending }) {
			return
		}
		s.started = time.Now()
		p.emitStep(s, event.Started, "")
	}
	if failed := slices.IndexFunc(s.vertices, func(v *vertex) bool { return v.state == event.Failed }); failed >= 0 {
		p.emitStep(s, event.Failed, s.vertices[failed].err)
		return
	}
	if p.unfinished(s) {
		return
	}
	state := event.Cached
	if slices.ContainsFunc(s.vertices, (*vertex).ran) {
		state = event.Done
	}
	p.emitStep(s, state, "")
}

// unfinished reports whether something of a stage has yet to end. A source ends more than once (first it is known what
// it is, then it is fetched), so where there is anything else, that decides.
func (p *progress) unfinished(s *stage) bool {
	if s.unkept {
		return true
	}
	steps := slices.DeleteFunc(slices.Clone(s.vertices), func(v *vertex) bool { return v.source != "" })
	if len(steps) == 0 {
		steps = s.vertices
	}
	return slices.ContainsFunc(steps, func(v *vertex) bool { return !v.state.Ended() || v.state == "" })
}

// built says that a target is complete: what was not heard of by then was not needed, since what follows it was cached.
func (p *progress) built(t Target) {
	p.mu.Lock()
	s := p.stage(t.Key)
	s.unkept = false
	p.advance(s)
	p.mu.Unlock()
	time.AfterFunc(settleAfter, func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.settle(func(v *vertex) bool { return slices.Contains(v.targets, t.Key) }, event.Cached)
	})
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
	p.over = true
	for _, t := range p.req.Targets {
		p.stage(t.Key) // also one that had nothing to do
	}
	for _, key := range slices.Sorted(maps.Keys(p.stages)) {
		if s := p.stages[key]; !s.state.Ended() || s.state == "" {
			p.emitStep(s, state, "")
		}
	}
}

func (p *progress) settle(which func(*vertex) bool, state event.State) {
	if p.over {
		return
	}
	for _, v := range p.order {
		if v.state != event.Pending || !which(v) {
			continue
		}
		v.state = state
		p.emitInstruction(v)
		if state == event.Cached {
			for _, key := range v.steps {
				p.advance(p.stages[key])
			}
		}
	}
}

// exporting tells that a target's image is being written; the function it returns, that this ended.
func (p *progress) exporting(t Target) func(error) {
	started := time.Now()
	ins := event.Instruction{Digest: "image " + t.Key, Steps: []string{t.Key}, Text: "write image", State: event.Started}
	p.emit(event.Event{Type: event.TypeInstruction, Instruction: &ins})
	return func(err error) {
		ended := ins
		ended.State, ended.Took = event.Done, time.Since(started)
		if err != nil {
			ended.State, ended.Error = event.Failed, err.Error()
		}
		if errors.Is(err, context.Canceled) {
			ended.State = event.Stopped
		}
		p.emit(event.Event{Type: event.TypeInstruction, Instruction: &ended})
	}
}

func (p *progress) emit(e event.Event) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.sink.Emit(e)
}

// warn says something once, however many targets say it.
func (p *progress) warn(text, hint string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.warnLocked(text, hint)
}

func (p *progress) warnLocked(text, hint string) {
	if p.warned[text] {
		return
	}
	p.warned[text] = true
	p.sink.Emit(event.Event{Type: event.TypeMessage, Message: &event.Message{Level: event.Warn, Text: text, Hint: hint}})
}

func (p *progress) emitStep(s *stage, state event.State, err string) {
	s.state = state
	step := event.Step{Key: s.key, State: state, Error: err}
	if state.Ended() {
		s.ended = time.Now()
		step.Took = s.ended.Sub(s.started)
	}
	p.sink.Emit(event.Event{Type: event.TypeStep, Step: &step})
}

func (p *progress) emitInstruction(v *vertex) {
	p.sink.Emit(event.Event{Type: event.TypeInstruction, Instruction: v.event(p.file)})
}
