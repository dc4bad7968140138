package engine

import (
	"context"
	"errors"
	"maps"

	"github.com/seaworthyhq/seaworthy/internal/api"
	"github.com/seaworthyhq/seaworthy/internal/event"
	"github.com/seaworthyhq/seaworthy/internal/pipeline"
	"github.com/seaworthyhq/seaworthy/internal/release"
	"github.com/seaworthyhq/seaworthy/internal/state"
)

// record keeps a release and all that it needs, and acknowledges it. What tags stand for is kept with it, but not for a plan.
func (e *Engine) record(ctx context.Context, env release.Environment, out *pipeline.Output, req api.UpRequest, prefix string, sink event.Sink) (state.Record, error) {
	id := out.Release.ID()
	if err := e.images.keep(ctx, id, out.Release, prefix, req.Files); err != nil {
		return state.Record{}, err
	}
	var rec state.Record
	var known bool
	kept := func() {}
	err := e.db.Update(func(tx state.Tx) (err error) {
		if rec, known, err = tx.PutRelease(out.Release, req.Origin); err != nil {
			return err
		}
		if !known {
			if err := tx.KeepMaking(id, out.Operations); err != nil {
				return err
			}
		}
		if kept, err = e.steps.save(tx, env.Project); err != nil {
			return err
		}
		s, err := tx.Environment(env)
		if err != nil || req.Goal == api.GoalPlan || maps.Equal(s.Pins, out.Pins) || len(out.Pins) == 0 {
			return err
		}
		s.Pins = out.Pins
		return tx.PutEnvironment(s)
	})
	if err != nil {
		return rec, err
	}
	kept()
	sink.Emit(event.Event{Type: event.TypeRelease, Release: &event.Release{ID: id, Known: known, Origin: req.Origin}})
	return rec, nil
}

// isRecorded reports whether what is made for a request becomes a release.
func isRecorded(req api.UpRequest) bool {
	return req.Goal != api.GoalBuild && (req.Goal != api.GoalPlan || req.Keep)
}

// noteSteps takes in what became of the steps of a build that ended with failed. Those of a build of which no release is
// recorded are recorded by themselves, if anything of them is new.
func (e *Engine) noteSteps(req api.UpRequest, out *pipeline.Output, failed error) error {
	if out == nil {
		return failed
	}
	news, err := e.steps.note(e.db, req.Project.Name, out)
	if err != nil {
		return errors.Join(failed, err)
	}
	if news && (failed != nil || !isRecorded(req)) {
		e.keepSteps(req.Project.Name)
	}
	return failed
}
