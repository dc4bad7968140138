package engine

import (
	"fmt"
	"maps"
	"slices"
	"sync"

	"github.com/opencontainers/go-digest"

	"github.com/seaworthyhq/seaworthy/internal/build"
	"github.com/seaworthyhq/seaworthy/internal/cause"
	"github.com/seaworthyhq/seaworthy/internal/event"
	"github.com/seaworthyhq/seaworthy/internal/pipeline"
	"github.com/seaworthyhq/seaworthy/internal/project"
	"github.com/seaworthyhq/seaworthy/internal/release"
)

// maxMakings is how many makings of a project are remembered.
const maxMakings = 50

// makings remember, while the engine runs, what images were made by, and what of that ran: once it has run it comes from
// cache, and the build that a plan is about no longer says what was new. What releases were made by is kept with them.
type makings struct {
	mu   sync.Mutex // guards what is below
	all  map[string][]making
	kept map[release.ID]digest.Digest // what tells the recipes that are kept from others
}

// making is one way from a project to images.
type making struct {
	ran    []event.Instruction
	images map[string]release.Digest // by service
	by     recipe
}

// recipe is what the images of a project's services are made by. A service is named with its environment: "local/web".
type recipe struct {
	Steps      map[string]string            `json:"steps"`      // that make the images, by service
	Operations map[string][]cause.Operation `json:"operations"` // by step
}

func serviceIn(env, service string) string { return env + "/" + service }

func recipeOf(p *project.Project, out *pipeline.Output) recipe {
	r := recipe{Steps: map[string]string{}, Operations: out.Operations}
	for _, env := range p.Environments() {
		for _, s := range env.Services {
			if s.Build != nil {
				r.Steps[serviceIn(env.Name, s.Name)] = s.Build.Stage
			}
		}
	}
	return r
}

// of are the operations that make a service's image, and the step that they are of.
func (r recipe) of(service string) made {
	step := r.Steps[service]
	return made{step, r.Operations[step]}
}

// sum tells a recipe from others.
func (r recipe) sum() digest.Digest {
	h := digest.SHA256.Digester()
	for _, service := range slices.Sorted(maps.Keys(r.Steps)) {
		fmt.Fprintln(h.Hash(), service, r.Steps[service])
		for _, op := range r.Operations[r.Steps[service]] {
			fmt.Fprintln(h.Hash(), op.Key)
		}
	}
	return h.Digest()
}

// made are the operations that made an image.
type made struct {
	step       string // key
	operations []cause.Operation
}

// note returns a sink that passes on what a pipeline tells, and what to call with what came out of it.
func (m *makings) note(p *project.Project, sink event.Sink) (event.Sink, func(*pipeline.Output)) {
	var mu sync.Mutex
	one := making{images: map[string]release.Digest{}}
	noting := event.SinkFunc(func(e event.Event) {
		if in := e.Instruction; in != nil && in.State == event.Done && in.Line > 0 && !build.IsFrom(in.Text) { // a base is looked up in each build
			mu.Lock()
			one.ran = append(one.ran, *in)
			mu.Unlock()
		}
		sink.Emit(e)
	})
	return noting, func(out *pipeline.Output) {
		for env, config := range out.Release.Environments {
			for _, s := range config.Services {
				one.images[serviceIn(env, s.Name)] = s.Image.Digest
			}
		}
		one.by = recipeOf(p, out)
		m.mu.Lock()
		defer m.mu.Unlock()
		all := m.all[p.Name]
		if n := len(all); n > 0 && len(one.ran) == 0 && maps.Equal(all[n-1].images, one.images) && all[n-1].by.sum() == one.by.sum() {
			return
		}
		if m.all == nil {
			m.all = map[string][]making{}
		}
		all = append(all, one)
		m.all[p.Name] = all[max(0, len(all)-maxMakings):]
	}
}

// between is what lies between two images.
type between struct {
	was, is made                // no operations where that is not known
	ran     []event.Instruction // when the second one was made first
	older   bool                // the second image was there before the first
}

// between finds what is known of two images of a project's service. What made one the last time is what the next is compared
// with: what was another thing then made no difference.
func (m *makings) between(project, service string, was, is release.Digest) between {
	m.mu.Lock()
	defer m.mu.Unlock()
	var found between
	from, to := -1, -1 // when they were made first; of what was made before this engine started that is not known
	for i, one := range m.all[project] {
		switch one.images[service] {
		case was:
			found.was = one.by.of(service)
			if from < 0 {
				from = i
			}
		case is:
			found.is = one.by.of(service)
			if to < 0 {
				to, found.ran = i, one.ran
			}
		}
	}
	found.older = to >= 0 && to < from
	return found
}

// isKept reports whether a recipe is the one that is kept with a release, as far as is remembered.
func (m *makings) isKept(id release.ID, r recipe) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.kept[id] == r.sum()
}

// keeps remembers that it is.
func (m *makings) keeps(id release.ID, r recipe) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.kept == nil {
		m.kept = map[release.ID]digest.Digest{}
	}
	m.kept[id] = r.sum()
}
