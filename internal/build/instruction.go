package build

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/moby/buildkit/frontend/dockerfile/command"
	"github.com/opencontainers/go-digest"

	"github.com/seaworthyhq/seaworthy/internal/event"
)

// instruction is what people know: a line of the Dockerfile, or something that BuildKit does besides. It is one vertex of the
// solver or several: COPY --link copies and merges, and where targets need different parts of the context, the same line is
// there once for each. The solver finds what one of these has made when it comes to the others.
type instruction struct {
	vertices []*vertex
	parts    map[int]*part // by the index of the target that needs them
	places   []event.Place // of the stages it belongs to, in order
	steps    []string      // of the places
	line     int
	text     string

	state    event.State
	took     time.Duration
	reported int64 // bytes, as last told
	told     bool  // that it will come
	moved    bool  // it belongs to more stages than was told
}

// part is what one target needs of an instruction.
type part struct {
	vertices []*vertex
	state    event.State
}

// keys are what vertices of the same instruction have in common.
func (n node) keys(lines stageLines) []string {
	switch {
	case n.source != "": // one can serve several lines
		return []string{n.source + " " + n.on}
	case len(n.places) == 0:
		return []string{n.digest.String()}
	}
	keys := make([]string, len(n.places))
	for i, at := range n.places {
		step := "" // that has the line: in each variant it may be another
		if s := lines.at(at.first); s != nil {
			step = s.Key
		}
		keys[i] = fmt.Sprintf("%s %d–%d %s", step, at.first, at.last, n.trigger())
	}
	return keys
}

const onbuild = "ONBUILD "

// trigger is the instruction of an ONBUILD, which has the place of the FROM that brings it; otherwise empty.
func (n node) trigger() string {
	if text := plain(n.name); strings.HasPrefix(text, onbuild) {
		return text
	}
	return ""
}

// join finds the instruction that a vertex is part of.
func (p *progress) join(v *vertex, keys ...string) *instruction {
	for _, key := range keys {
		if v.of == nil && p.instructions[key] != nil {
			v.of = p.instructions[key]
			v.of.vertices = append(v.of.vertices, v)
		}
	}
	if v.of == nil {
		p.alone(v)
	}
	for _, key := range keys {
		if p.instructions[key] == nil {
			p.instructions[key] = v.of
		}
	}
	return v.of
}

// alone makes an instruction of a vertex.
func (p *progress) alone(v *vertex) {
	v.of = &instruction{vertices: []*vertex{v}, parts: map[int]*part{}, state: event.Pending}
}

// need notes that a target needs a vertex.
func (p *progress) need(v *vertex, target int) {
	if !v.targets.add(target) {
		return
	}
	of := v.of.parts[target]
	if of == nil {
		of = &part{state: event.Pending}
		v.of.parts[target] = of
	}
	of.vertices = append(of.vertices, v)
}

// place says where an instruction is written: at the first of the places, where identical instructions share a vertex.
func (p *progress) place(in *instruction, n node) {
	if at, text := p.find(n); at > 0 && (in.line == 0 || at < in.line) {
		in.line, in.text = at, text
	}
	if in.text == "" {
		in.text = plain(n.name)
	}
}

// find is the line of the instruction that a node is, and its text; 0 if it is none. What is fetched for a COPY or ADD comes
// from its line, but is not it.
func (p *progress) find(n node) (line int, text string) {
	for _, at := range n.places {
		written := p.lines(at)
		if n.source != "" && !IsFrom(written) || line > 0 && line <= at.first {
			continue
		}
		if line, text = at.first, n.trigger(); text == "" {
			text = written
		}
	}
	return line, text
}

// IsFrom reports whether an instruction begins a stage.
func IsFrom(text string) bool {
	word, _, _ := strings.Cut(text, " ")
	return strings.EqualFold(word, command.From)
}

// makes reports whether the instruction is for more than the image that is written of a stage.
func (in *instruction) makes() bool {
	return slices.ContainsFunc(in.vertices, func(v *vertex) bool { return !v.writes })
}

// fetches reports whether the instruction does nothing but bring something in.
func (in *instruction) fetches() bool { return in.vertices[0].source != "" }

// byWeight are states in the order in which they count where targets differ: what ran for one is found by the others.
var byWeight = []event.State{event.Failed, event.Done, event.Cached, event.Started, event.Stopped}

// refresh reports whether the news of a vertex change how far its instruction is.
func (v *vertex) refresh() bool {
	in := v.of
	for target := range v.targets.all() {
		of := in.parts[target]
		of.state = together(of.vertices)
	}
	state := event.Pending
	for _, of := range in.parts {
		if weight(of.state) < weight(state) {
			state = of.state
		}
	}
	if len(in.parts) == 0 { // no target has asked for it: it comes with something else
		state = together(in.vertices)
	}
	var took time.Duration
	for _, v := range in.vertices {
		if v.state == state {
			took = max(took, v.took)
		}
	}
	changed := state != in.state || took != in.took
	in.state, in.took = state, took
	return changed
}

func weight(s event.State) int {
	if i := slices.Index(byWeight, s); i >= 0 {
		return i
	}
	return len(byWeight)
}

// together is how far the vertices of one target are.
func together(vertices []*vertex) event.State {
	is := func(states ...event.State) func(*vertex) bool {
		return func(v *vertex) bool { return slices.Contains(states, v.state) }
	}
	switch {
	case slices.ContainsFunc(vertices, is(event.Failed)):
		return event.Failed
	case slices.ContainsFunc(vertices, is(event.Stopped)):
		return event.Stopped
	case !slices.ContainsFunc(vertices, is(event.Pending, event.Started)):
		if slices.ContainsFunc(vertices, is(event.Done)) {
			return event.Done
		}
		return event.Cached
	case slices.ContainsFunc(vertices, func(v *vertex) bool { return v.state != event.Pending }):
		return event.Started
	}
	return event.Pending
}

// ran reports whether it did any work.
func (in *instruction) ran() bool { return slices.ContainsFunc(in.vertices, (*vertex).ran) }

// worked reports whether there was anything to do for it.
func (in *instruction) worked() bool {
	return slices.Contains([]event.State{event.Started, event.Done, event.Failed}, in.state)
}

func (in *instruction) bytes() (current int64) {
	for _, v := range in.vertices {
		current += v.bytes()
	}
	return current
}

// size is what all transfers add up to, or 0 while one does not know.
func (in *instruction) size() (total int64) {
	for _, v := range in.vertices {
		size := v.size()
		if size == 0 && v.bytes() > 0 {
			return 0
		}
		total += size
	}
	return total
}

func (in *instruction) err() string {
	for _, v := range in.vertices {
		if v.err != "" {
			return v.err
		}
	}
	return ""
}

// id tells a vertex from those of other Dockerfiles, which may do the same.
func (p *progress) id(dgst digest.Digest) string {
	if p.req.Key == "" {
		return dgst.String()
	}
	return p.req.Key + " " + dgst.String()
}

func (p *progress) instruction(in *instruction) *event.Instruction {
	e := &event.Instruction{
		Digest: p.id(in.vertices[0].digest), Steps: slices.Clone(in.steps), Text: in.text, Line: in.line, State: in.state,
		Current: in.bytes(), Total: in.size(), Error: in.err(), Places: slices.Clone(in.places),
	}
	if in.line > 0 || len(in.places) > 0 {
		e.File = p.file
	}
	if in.state.Ended() {
		e.Took = in.took
	}
	return e
}
