package engine

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strings"

	"github.com/seaworthyhq/seaworthy/internal/api"
	"github.com/seaworthyhq/seaworthy/internal/build"
	"github.com/seaworthyhq/seaworthy/internal/event"
	"github.com/seaworthyhq/seaworthy/internal/ledger"
	"github.com/seaworthyhq/seaworthy/internal/pipeline"
	"github.com/seaworthyhq/seaworthy/internal/release"
	"github.com/seaworthyhq/seaworthy/internal/state"
)

// recordFailure keeps what was tried, by whom, and what of it failed. What was only to be looked at is nobody's business.
func (e *Engine) recordFailure(env release.Environment, out *pipeline.Output, req api.UpRequest, failed error) error {
	u, ok := errors.AsType[*release.UserError](failed)
	if !ok || !slices.Contains([]release.Kind{release.KindCheck, release.KindBuild, release.KindNotFound}, u.Kind) ||
		!slices.Contains([]api.Goal{api.GoalUp, api.GoalRelease}, req.Goal) {
		return nil
	}
	entry := ledger.FailedBuild{Origin: req.Origin, Took: out.Took, Error: shortened(build.InFull(u))}
	for _, step := range out.Steps {
		if step.State == string(event.Failed) {
			entry.Steps = append(entry.Steps, ledger.FailedStep{
				Key: step.Key, Because: step.Because, Took: step.Took(), Tests: step.Tests, Failures: step.Failures,
			})
		}
	}
	return e.db.Update(func(tx state.Tx) error {
		return tx.Record(ledger.BuildFailed, env, env.String(), req.Origin.Actor, entry)
	})
}

// longestError is how many bytes of an error the ledger keeps.
const longestError = 1 << 10

func shortened(text string) string {
	if len(text) > longestError {
		text = strings.ToValidUTF8(text[:longestError], "") + "…"
	}
	return text
}

// record keeps a release and all that it needs, and acknowledges it. What tags stand for is kept with it, but not for a plan.
func (e *Engine) record(ctx context.Context, env release.Environment, out *pipeline.Output, req api.UpRequest, prefix string, sink event.Sink) (state.Record, error) {
	id := out.Release.ID()
	if err := e.images.keep(ctx, id, out.Release, prefix, req.Files); err != nil {
		return state.Record{}, err
	}
	var rec state.Record
	var known bool
	made, kept := recipeOf(&req.Project, out), func() {}
	err := e.db.Update(func(tx state.Tx) (err error) {
		if rec, known, err = tx.PutRelease(out.Release, req.Origin); err != nil {
			return err
		}
		if !known || !e.makings.isKept(id, made) {
			if err := tx.KeepMaking(id, made); err != nil {
				return err
			}
		}
		if times, news := e.steps.times(env.Project, id, known, out); news {
			if err := tx.KeepTimes(id, times); err != nil {
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
	e.steps.timesKept(env.Project, id)
	e.makings.keeps(id, made)
	sink.Emit(event.Event{Type: event.TypeRelease, Release: &event.Release{ID: id, Known: known, Origin: req.Origin}})
	return rec, nil
}

// isRecorded reports whether what is made for a request becomes a release.
func isRecorded(req api.UpRequest) bool {
	return req.Goal != api.GoalBuild && (req.Goal != api.GoalPlan || req.Keep)
}
