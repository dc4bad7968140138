package build

import (
	"maps"
	"slices"

	"github.com/opencontainers/go-digest"

	"github.com/seaworthyhq/seaworthy/internal/build/worker"
	"github.com/seaworthyhq/seaworthy/internal/release"
	"github.com/seaworthyhq/seaworthy/internal/report"
)

// steps tells the worker what the stages say that a vertex is in, and the builds what became of it.
type steps struct{ builder *Builder }

// Waited tells the running builds that a vertex waited for a free place.
func (s steps) Waited(vertex digest.Digest, waited release.Spell) {
	builds, _ := s.builder.needing(vertex)
	for _, r := range builds {
		r.progress.queue(vertex, waited)
	}
}

// Begin has the clocks run of the stages that a process is of. Where only checks need it, they end it, and its tests are told.
func (s steps) Begin(vertex digest.Digest) worker.Step {
	held, _ := s.clocks(vertex)
	ended := held.runs()
	builds, image := s.builder.needing(vertex)
	if len(builds) == 0 || image {
		return worker.Step{Ended: ended}
	}
	tests := &report.GoTest{}
	return worker.Step{
		Stdout:   tests,
		Patience: patience(func() (clockList, bool) { return s.clocks(vertex) }).lose,
		Ended: func() {
			defer ended()
			builds, _ := s.builder.needing(vertex) // others may have come to wait for it
			for _, r := range builds {
				r.progress.tested(vertex, tests.Summary())
			}
		},
	}
}

// clocks are those of the stages that a process is of, in all builds; one of them may take any time if it is unlimited.
func (s steps) clocks(vertex digest.Digest) (list clockList, unlimited bool) {
	builds, image := s.builder.needing(vertex)
	for _, r := range builds {
		stages := r.progress.begin(vertex)
		clocks := r.clocks.of(stages)
		list, unlimited = append(list, clocks...), unlimited || len(clocks) < len(stages)
	}
	return list, unlimited || image
}

// needing are the running builds that need the vertex, and whether an image does in one of them.
func (b *Builder) needing(vertex digest.Digest) (all []*running, image bool) {
	b.mu.Lock()
	builds := slices.Collect(maps.Values(b.builds))
	b.mu.Unlock()
	for _, r := range builds {
		known, forImage := r.progress.use(vertex)
		image = image || forImage
		if known {
			all = append(all, r)
		}
	}
	return all, image
}

// use says whether anything is known of a vertex, and whether an image needs it.
func (p *progress) use(dgst digest.Digest) (known, image bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	v := p.known(dgst)
	return v != nil && v.of != nil, v != nil && v.forImage()
}

// begin is told of a process that starts, before the solver's status says so, and returns the stages that it belongs to.
func (p *progress) begin(dgst digest.Digest) (stages []Stage) {
	p.mu.Lock()
	defer p.mu.Unlock()
	v := p.known(dgst)
	if v == nil || v.of == nil {
		return nil
	}
	for _, s := range p.all {
		if slices.Contains(v.of.steps, s.Key) {
			p.stage(s.Key).begun = true
			stages = append(stages, s)
		}
	}
	return stages
}
