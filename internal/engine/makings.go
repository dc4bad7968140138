package engine

import (
	"slices"
	"strings"
	"sync"

	"github.com/seaworthyhq/seaworthy/internal/event"
	"github.com/seaworthyhq/seaworthy/internal/pipeline"
	"github.com/seaworthyhq/seaworthy/internal/release"
)

// maxMakings is how many makings of a project are remembered.
const maxMakings = 50

// makings remember, while the engine runs, which instructions ran when releases were made: once they have run they come from
// cache, and the build that a plan is about no longer says what was new.
type makings struct {
	mu  sync.Mutex // guards all
	all map[string][]making
}

// making is one way from a project to images.
type making struct {
	ran    []event.Instruction
	images []release.Digest
}

// note returns a sink that passes on what a pipeline tells, and what to call with what came out of it.
func (m *makings) note(name string, sink event.Sink) (event.Sink, func(*pipeline.Output)) {
	var mu sync.Mutex
	var one making
	noting := event.SinkFunc(func(e event.Event) {
		if in := e.Instruction; in != nil && in.State == event.Done && in.Line > 0 && !isFrom(in.Text) {
			mu.Lock()
			one.ran = append(one.ran, *in)
			mu.Unlock()
		}
		sink.Emit(e)
	})
	return noting, func(out *pipeline.Output) {
		for _, img := range out.Release.Images() {
			one.images = append(one.images, img.Digest)
		}
		m.mu.Lock()
		defer m.mu.Unlock()
		if m.all == nil {
			m.all = map[string][]making{}
		}
		m.all[name] = append(m.all[name], one)
		m.all[name] = m.all[name][max(0, len(m.all[name])-maxMakings):]
	}
}

// isFrom reports whether an instruction begins a stage: that is looked up in each build.
func isFrom(text string) bool {
	word, _, _ := strings.Cut(text, " ")
	return strings.EqualFold(word, "FROM")
}

// between are the instructions that have run since the image was was made, and whether is is the older one of the two.
func (m *makings) between(name string, was, is release.Digest) (ran []event.Instruction, older bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	all := m.all[name]
	first := func(d release.Digest) int {
		return slices.IndexFunc(all, func(one making) bool { return slices.Contains(one.images, d) })
	}
	from, to := first(was), first(is) // from is -1 for what was made before this engine started
	if to >= 0 && to <= from {
		return nil, true
	}
	for _, one := range all[from+1:] {
		ran = append(ran, one.ran...)
	}
	return ran, false
}
