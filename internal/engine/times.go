package engine

import (
	"maps"
	"slices"

	"github.com/opencontainers/go-digest"

	"github.com/seaworthyhq/seaworthy/internal/event"
	"github.com/seaworthyhq/seaworthy/internal/pipeline"
	"github.com/seaworthyhq/seaworthy/internal/release"
	"github.com/seaworthyhq/seaworthy/internal/state"
)

// ran reports whether any step had to do something. Where none had, what is kept says more of a release than that.
func ran(steps []release.StepRun) bool {
	return slices.ContainsFunc(steps, func(s release.StepRun) bool { return s.State == string(event.Done) })
}

// workOf is what a pipeline did, to be found again when it comes from cache.
func workOf(out *pipeline.Output) *state.Work {
	of := map[string]digest.Digest{}
	for _, run := range out.Steps {
		of[run.Key] = "" // of a step that is skipped or empty
		if made, built := out.Made[run.Key]; built {
			of[run.Key] = made.Digest()
		}
	}
	for ref, img := range out.Pins {
		of[pipeline.PullKey(ref)] = digest.Digest(img.Digest)
	}
	return &state.Work{Times: out.Times(), Of: of}
}

// times are those to keep with a release: of what was done for it just now or, where nothing had to be, of the last time that
// something had to, for the release itself or for a build before it. None where that is kept already.
func (s *steps) times(project string, id release.ID, known bool, out *pipeline.Output) (times release.Times, news bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	p := s.all[project]
	if p == nil || ran(out.Steps) || !maps.Equal(p.work.Of, workOf(out).Of) {
		return out.Times(), !known || ran(out.Steps)
	}
	return p.work.Times, !known || p.workOf != id
}

// timesKept remembers that those that times gave are kept with the release.
func (s *steps) timesKept(project string, id release.ID) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if p := s.all[project]; p != nil {
		p.workOf = id
	}
}
