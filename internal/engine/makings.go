package engine

import (
	"slices"
	"sync"

	"github.com/seaworthyhq/seaworthy/internal/build"
	"github.com/seaworthyhq/seaworthy/internal/cause"
	"github.com/seaworthyhq/seaworthy/internal/event"
	"github.com/seaworthyhq/seaworthy/internal/pipeline"
	"github.com/seaworthyhq/seaworthy/internal/release"
)

// maxMakings is how many makings of a project are remembered.
const maxMakings = 50

// makings remember, while the engine runs, what images were made by, and what of that ran: once it has run it comes from
// cache, and the build that a plan is about no longer says what was new. What releases were made by is kept with them.
type makings struct {
	mu  sync.Mutex // guards all
	all map[string][]making
}

// making is one way from a project to images.
type making struct {
	ran    []event.Instruction
	images []release.Digest
	by     map[release.Digest][]cause.Operation
}

// note returns a sink that passes on what a pipeline tells, and what to call with what came out of it.
func (m *makings) note(name string, sink event.Sink) (event.Sink, func(*pipeline.Output)) {
	var mu sync.Mutex
	var one making
	noting := event.SinkFunc(func(e event.Event) {
		if in := e.Instruction; in != nil && in.State == event.Done && in.Line > 0 && !build.IsFrom(in.Text) { // a base is looked up in each build
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
		one.by = out.Operations
		m.mu.Lock()
		defer m.mu.Unlock()
		if m.all == nil {
			m.all = map[string][]making{}
		}
		m.all[name] = append(m.all[name], one)
		m.all[name] = m.all[name][max(0, len(m.all[name])-maxMakings):]
	}
}

// between is what lies between two images.
type between struct {
	was, is []cause.Operation   // that made them; nil where that is not known
	ran     []event.Instruction // when the second one was made first
	older   bool                // the second image was there before the first
}

// between finds what is known of two images of a project.
func (m *makings) between(name string, was, is release.Digest) between {
	m.mu.Lock()
	defer m.mu.Unlock()
	all := m.all[name]
	first := func(d release.Digest) int {
		return slices.IndexFunc(all, func(one making) bool { return slices.Contains(one.images, d) })
	}
	var found between
	from, to := first(was), first(is) // -1 for what was made before this engine started
	if from >= 0 {
		found.was = all[from].by[was]
	}
	if to >= 0 {
		found.is, found.ran = all[to].by[is], all[to].ran
	}
	found.older = to >= 0 && to <= from
	return found
}
