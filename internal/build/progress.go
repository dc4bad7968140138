package build

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/moby/buildkit/client"
	"github.com/opencontainers/go-digest"

	"github.com/seaworthyhq/seaworthy/internal/event"
	"github.com/seaworthyhq/seaworthy/internal/redact"
	"github.com/seaworthyhq/seaworthy/internal/release"
)

// progress tells what a build does, by stage and instruction. It learns from the definitions which vertex of the solver
// is which line of the Dockerfile, by digest, and follows the solver's status.
type progress struct {
	sink  event.Sink
	alike *alike // of all builds
	req   *Request
	text  []string // of the Dockerfile, by line
	file  string
	hide  redact.Redactor
	why   *explainer
	// works is told whether some instruction of a stage with a time limit does, but for what only prepares; it must not wait.
	works   func(s Stage, works bool)
	limited map[string]Stage // those stages, by key

	began   time.Time
	updates atomic.Int64 // begun and ended: odd in the middle of one

	all     stageLines     // of all variants, each once, by their lines
	written []stageLines   // where the stages are, by variant
	edges   edges          // of the stages
	targets map[string]int // index by key

	mu           sync.Mutex // guards the rest; held while emitting, so that events keep their order
	vertices     map[digest.Digest]*vertex
	aliases      map[digest.Digest]*vertex // what the solver calls some of them, too
	order        []*vertex                 // as learned
	instructions map[string]*instruction   // by what their vertices have in common
	moved        []*instruction            // what belongs to more stages than was told
	givenUp      set                       // targets that nobody waits for any more, by index
	results      map[string]digest.Digest  // what a target's image is made of, by key
	stages       map[string]*stage
	warned       map[string]bool
	goes         time.Time // when all targets were understood
	over         bool      // nothing is told any more
}

func newProgress(req *Request, sink event.Sink, all *alike) *progress {
	if sink == nil {
		sink = event.Discard
	}
	p := &progress{
		began:        time.Now(),
		sink:         sink,
		alike:        all,
		req:          req,
		text:         strings.Split(strings.ReplaceAll(string(req.Dockerfile), "\r\n", "\n"), "\n"),
		file:         req.filename(),
		vertices:     map[digest.Digest]*vertex{},
		aliases:      map[digest.Digest]*vertex{},
		instructions: map[string]*instruction{},
		stages:       map[string]*stage{},
		warned:       map[string]bool{},
		all:          linesOf(req.stages()),
		targets:      map[string]int{},
		results:      map[string]digest.Digest{},
		works:        func(Stage, bool) {},
		limited:      map[string]Stage{},
	}
	p.edges = edgesOf(req.variants())
	for _, v := range req.variants() {
		p.written = append(p.written, linesOf(v.Stages))
	}
	for _, s := range p.all {
		if s.Timeout > 0 {
			p.limited[s.Key] = s
		}
	}
	for i, t := range req.Targets {
		p.targets[t.Key] = i
		p.stage(t.Key).unkept, p.stage(t.Key).uncollected = t.Image, !t.Image
	}
	return p
}

// learn takes in a definition that is about to be solved for a target. It reports whether that came from the Dockerfile.
func (p *progress) learn(target Target, g graph) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := time.Now()
	written := p.written[target.Variant]
	placed := g.placed(written)
	var fresh []node
	for _, n := range g.nodes {
		v := p.vertex(n.digest)
		v.image = v.image || target.Image
		v.source, v.inputs = n.source, n.inputs
		if v.known.IsZero() {
			v.known = now
			fresh = append(fresh, n)
		}
		in := p.join(v, n.keys(written)...)
		p.need(v, p.targets[target.Key])
		p.place(in, n)
		p.belongs(in, placed[n.digest])
		for _, at := range placed[n.digest] {
			p.stage(at.Step).learned = true
		}
		if ref := n.image(); ref != "" { // what looked it up is for the same stages
			p.belongs(p.instructions[lookUpKey(ref)], placed[n.digest])
		}
		if in.line > 0 && !in.told {
			in.told = true
			p.emitInstruction(in)
		}
	}
	p.alike.add(fresh)
	if !g.located() {
		return false
	}
	p.results[target.Key] = g.result
	return true
}

func (p *progress) vertex(dgst digest.Digest) *vertex {
	v, ok := p.vertices[dgst]
	if !ok {
		v = &vertex{digest: dgst, state: event.Pending}
		p.vertices[dgst] = v
		p.order = append(p.order, v)
	}
	return v
}

// lines is the text of some lines of the Dockerfile.
func (p *progress) lines(at place) string {
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

// await returns when all is told of a job that has ended, or when there are no news of it. Telling them can take its time, which
// one that was cancelled is not given.
func (p *progress) await(ctx context.Context, told <-chan struct{}) {
	for {
		before := p.updates.Load()
		select {
		case <-told:
			return
		case <-time.After(lastWord):
		}
		if updating := before%2 == 1; ctx.Err() != nil || !updating && p.updates.Load() == before {
			return
		}
	}
}

func (p *progress) update(s *client.SolveStatus) {
	p.updates.Add(1)
	defer p.updates.Add(1)
	s.Vertexes = believed(s.Vertexes)
	if p.newlyBegun(s) {
		p.why.explain() // before it is told that it runs, where it is known by now
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.over {
		return
	}
	p.tellMoved()
	for _, v := range s.Vertexes {
		if v.Completed == nil {
			p.updateVertex(v)
		}
	}
	for _, st := range s.Statuses {
		p.updateTransfer(st)
	}
	for _, l := range s.Logs {
		p.log(l)
	}
	for _, v := range s.Vertexes { // what ended had said all it had to say
		if v.Completed != nil {
			p.updateVertex(v)
		}
	}
	for _, w := range s.Warnings {
		if !p.heardAll(w.Vertex) && !p.heardGivenUp(w.Vertex) {
			p.warnLocked(string(w.Short), w.URL)
		}
	}
}

// newlyBegun reports whether there is news of something that runs and that may have to be explained.
func (p *progress) newlyBegun(s *client.SolveStatus) (news bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.over {
		return false
	}
	for _, v := range s.Vertexes {
		news = p.why.saw(p.heard(v.Digest).digest, v) || news
	}
	return news
}

func (p *progress) updateVertex(got *client.Vertex) {
	v := p.heard(got.Digest)
	in := v.of
	if in.text == "" {
		in.text = plain(got.Name)
	}
	if !v.take(got) {
		return
	}
	if v.state.Ended() {
		p.flushLog(v)
	}
	p.refresh(v)
}

// heard is the vertex that the solver speaks of, with an instruction.
func (p *progress) heard(dgst digest.Digest) *vertex {
	v := p.known(dgst)
	if v == nil {
		v = p.vertex(dgst)
	}
	if v.of == nil {
		p.alone(v)
	}
	return v
}

// refresh tells what the news of a vertex mean for its instruction, and that for its stages.
func (p *progress) refresh(v *vertex) {
	if !v.refresh() {
		return
	}
	p.emitInstruction(v.of)
	for _, key := range v.of.steps {
		if s, limited := p.limited[key]; limited {
			p.works(s, slices.ContainsFunc(p.stages[key].instructions, (*instruction).works))
		}
	}
	p.advanceAll(v.of)
	if v.state == event.Started {
		p.takes(v)
	}
}

func (p *progress) advanceAll(in *instruction) {
	for _, key := range in.steps {
		p.advance(p.stages[key])
	}
}

// belongs notes that an instruction is written at more places. What is told of it already is told again, but not for each
// target that is learned.
func (p *progress) belongs(in *instruction, places []event.Place) {
	if in == nil {
		return
	}
	changed := false
	for _, at := range places {
		i, found := slices.BinarySearchFunc(in.places, at, comparePlaces)
		switch {
		case !found:
			in.places = slices.Insert(in.places, i, at)
			p.assign(in, at.Step)
		case at.EndLine > in.places[i].EndLine:
			in.places[i] = at
		default:
			continue
		}
		changed = true
	}
	if !changed {
		return
	}
	in.steps = stepsOf(in.places)
	if !in.moved && (in.told || in.state != event.Pending) {
		in.moved = true
		p.moved = append(p.moved, in)
	}
}

// tellMoved tells of what belongs to more stages than was told.
func (p *progress) tellMoved() {
	for _, in := range p.moved {
		in.moved = false
		p.emitInstruction(in)
		if in.state != event.Pending {
			p.advanceAll(in)
		}
	}
	p.moved = nil
}

func (p *progress) updateTransfer(st *client.VertexStatus) {
	v := p.heard(st.Vertex)
	v.transfer(st)
	p.why.transferred(v)
	if in := v.of; in.state == event.Started && in.bytes() != in.reported {
		in.reported = in.bytes()
		p.emitInstruction(in)
		if v.ran() {
			p.advanceAll(in)
		}
	}
}

// exporting tells that a target's image is being written; the function it returns, that this ended.
func (p *progress) exporting(t Target) func(error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	v := p.vertex(digest.Digest("image " + t.Key))
	v.writes, v.state = true, event.Started
	v.spells = release.Spells{{Started: time.Now()}}
	if from := p.results[t.Key]; from != "" {
		v.inputs = []digest.Digest{from}
	}
	in := p.join(v)
	in.text = "write image"
	p.need(v, p.targets[t.Key])
	p.belongs(in, p.whole(t.Key))
	p.refresh(v)
	return func(err error) {
		p.mu.Lock()
		defer p.mu.Unlock()
		v.spells[0].Ended = time.Now()
		v.took = v.spells.Took()
		switch {
		case err == nil:
			v.state = event.Done
		case errors.Is(err, context.Canceled):
			v.state = event.Stopped
		default:
			v.state, v.err = event.Failed, err.Error()
		}
		p.refresh(v)
	}
}

// whole is all of a stage.
func (p *progress) whole(key string) []event.Place {
	for _, s := range p.all {
		if s.Key == key {
			return []event.Place{{Step: key, Line: s.Line, EndLine: s.EndLine}}
		}
	}
	return []event.Place{{Step: key}}
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

func (p *progress) emitInstruction(in *instruction) {
	p.sink.Emit(event.Event{Type: event.TypeInstruction, Instruction: p.instruction(in)})
}
