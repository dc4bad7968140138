package pipeline

import (
	"sync"
	"time"

	"github.com/seaworthyhq/seaworthy/internal/event"
	"github.com/seaworthyhq/seaworthy/internal/release"
)

// Times are the steps with their times, and what the end waited for.
func (o *Output) Times() release.Times {
	return release.Times{Steps: o.Steps, Path: o.Path, Took: o.Took}
}

// worked reports whether there was anything to do for a step.
func worked(run release.StepRun) bool {
	return run.State == string(event.Done) || run.State == string(event.Failed)
}

// PullKey is the key of the step that brings an image in.
func PullKey(ref string) string { return "pull:" + ref }

// pulling returns a sink that notes what becomes of a pull, and what to call when it has ended.
func (m *making) pulling(ref string, sink event.Sink) (event.Sink, func()) {
	run := release.StepRun{Key: PullKey(ref), Started: time.Now()}
	run.Queued = run.Started
	layers := map[string]int64{}
	var mu sync.Mutex
	watched := event.SinkFunc(func(e event.Event) {
		mu.Lock()
		switch {
		case e.Step != nil:
			run.State, run.Error = string(e.Step.State), e.Step.Error
		case e.Instruction != nil && e.Instruction.State == event.Done:
			layers[e.Instruction.Digest] = e.Instruction.Current
		}
		mu.Unlock()
		sink.Emit(e)
	})
	return watched, func() {
		mu.Lock()
		defer mu.Unlock()
		run.Ended = time.Now()
		for _, n := range layers {
			run.Bytes += n
		}
		m.mu.Lock()
		defer m.mu.Unlock()
		run.Worked = release.Spells{{Started: run.Started, Ended: run.Ended}}
		m.steps[run.Key] = run
		m.spans = append(m.spans, release.Span{Key: run.Key, Of: []release.Part{{Step: run.Key, Text: "pull " + ref}}, Worked: run.Worked})
	}
}
