package build

import (
	"context"
	"errors"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/moby/buildkit/client"
	"github.com/opencontainers/go-digest"

	"github.com/seaworthyhq/seaworthy/internal/event"
	"github.com/seaworthyhq/seaworthy/internal/redact"
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
	hide redact.Redactor

	updates atomic.Int64 // begun and ended: odd in the middle of one

	mu           sync.Mutex // guards the rest; held while emitting, so that events keep their order
	vertices     map[digest.Digest]*vertex
	order        []*vertex               // as learned
	instructions map[string]*instruction // by what their vertices have in common
	stages       map[string]*stage
	warned       map[string]bool
	over         bool // nothing is told any more
}

func newProgress(req *Request, sink event.Sink) *progress {
	if sink == nil {
		sink = event.Discard
	}
	p := &progress{
		sink:         sink,
		req:          req,
		text:         strings.Split(string(req.Dockerfile), "\n"),
		file:         req.filename(),
		vertices:     map[digest.Digest]*vertex{},
		instructions: map[string]*instruction{},
		stages:       map[string]*stage{},
		warned:       map[string]bool{},
	}
	for _, t := range req.Targets {
		p.stage(t.Key).unkept = t.Image
	}
	return p
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
		in := p.join(v, n)
		p.place(in, n)
		for _, key := range owners[n.digest] {
			p.assign(in, key)
		}
		if in.line > 0 && !in.told {
			in.told = true
			p.emitInstruction(in)
		}
	}
	return g.located()
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
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.over {
		return
	}
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
		p.warnLocked(string(w.Short), w.URL)
	}
}

func (p *progress) updateVertex(got *client.Vertex) {
	v := p.vertex(got.Digest)
	if v.of == nil {
		p.alone(v)
	}
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
	p.refresh(in)
}

// refresh tells what the news of its vertices mean for an instruction, and that for its stages.
func (p *progress) refresh(in *instruction) {
	if !in.refresh() {
		return
	}
	p.emitInstruction(in)
	for _, key := range in.steps {
		p.advance(p.stages[key])
	}
}

func (p *progress) updateTransfer(st *client.VertexStatus) {
	v := p.vertex(st.Vertex)
	v.transfer(st)
	if in := v.of; in != nil && in.state == event.Started && in.bytes() != in.reported {
		in.reported = in.bytes()
		p.emitInstruction(in)
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
		switch {
		case errors.Is(err, context.Canceled):
			ended.State = event.Stopped
		case err != nil:
			ended.State, ended.Error = event.Failed, err.Error()
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

func (p *progress) emitInstruction(in *instruction) {
	p.sink.Emit(event.Event{Type: event.TypeInstruction, Instruction: in.event(p.file)})
}
