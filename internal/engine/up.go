package engine

import (
	"context"
	"errors"
	"fmt"

	"github.com/seaworthyhq/seaworthy/internal/api"
	"github.com/seaworthyhq/seaworthy/internal/event"
	"github.com/seaworthyhq/seaworthy/internal/pipeline"
	"github.com/seaworthyhq/seaworthy/internal/project"
	"github.com/seaworthyhq/seaworthy/internal/release"
	"github.com/seaworthyhq/seaworthy/internal/state"
)

// up runs a project's way from Dockerfile to running service, or the part of it that is asked for.
func (e *Engine) up(ctx context.Context, req api.UpRequest, sink event.Sink) error {
	env := release.Environment{Project: req.Project.Name, Name: req.Project.Environment.Name}
	known, err := e.environment(env)
	if err != nil {
		return err
	}
	if req.Goal == api.GoalUp {
		if err := refuseHeld(known, req.Force); err != nil {
			return err
		}
		if err := e.checkWanted(ctx, known, req.Project.Environment); err != nil {
			return err
		}
	}
	prefix, name := building()
	defer func() { _ = e.images.forget(context.WithoutCancel(ctx), prefix) }() // swept at the next start otherwise
	built := e.builds.begin(fmt.Sprintf("%s: build by %s", env, req.Origin.Actor))
	defer built()
	noting, made := e.makings.note(&req.Project, sink)
	out, err := e.pipeline.Make(ctx, pipeline.Input{
		Project: &req.Project, Sessions: req.Sessions, Ignores: req.Ignores, Pull: req.Pull, NoCache: req.NoCache,
		Pins: known.Pins, ImageName: name, Before: e.stepsBefore(req.Project.Name),
	}, noting)
	built()
	e.noteSteps(req, out, err != nil)
	if err != nil {
		if unrecorded := e.recordFailure(env, out, req, err); unrecorded != nil {
			err = errors.Join(err, unrecorded)
		}
		return err
	}
	made(out)
	req.Origin.Checks = out.Checks
	d := deployment{
		env: env, record: state.Record{ID: out.Release.ID(), Release: out.Release}, cause: release.CauseUp, actor: req.Origin.Actor,
		origin: req.Origin, secrets: req.Secrets, handOver: true,
	}
	if !isRecorded(req) {
		return e.planMade(ctx, d, known, req, sink)
	}
	if d.record, err = e.record(ctx, env, out, req, prefix, sink); err != nil {
		return err
	}
	if req.Goal != api.GoalUp { // deploy, and up with the plan, have no checkout: they find the values
		if err := e.vault.HandOver(env, req.Secrets); err != nil {
			return err
		}
		return e.planMade(ctx, d, known, req, sink)
	}
	sink = e.explaining(ctx, known, d.record.Release, &req.Project, sink)
	// The release is acknowledged: from its turn on the engine deploys it, whether the caller stays or not.
	return e.deploy(ctx, request{env: env, work: d.work(), decide: func() (deployment, error) {
		s, err := e.environment(env)
		if err != nil {
			return d, err
		}
		return d, refuseHeld(s, req.Force) // it may have been rolled back meanwhile
	}}, sink)
}

// checkWanted refuses ports that are taken before anything is built. Those of an environment in which something is under way
// may be taken by just that: they are checked when its turn has come.
func (e *Engine) checkWanted(ctx context.Context, known state.Environment, wanted project.Environment) error {
	if known.Pending != nil {
		return nil
	}
	var config release.Config
	for _, s := range wanted.Services {
		config.Services = append(config.Services, s.Service)
	}
	return e.checkPorts(ctx, known.Environment, known.Serving, config)
}

// refuseHeld is the error of a deployment into an environment that a rollback holds.
func refuseHeld(s state.Environment, force bool) error {
	if s.Held == "" || force {
		return nil
	}
	return &release.UserError{
		Kind: release.KindConflict, Err: fmt.Errorf("%s is held: %s", s.Environment, s.Held),
		Hint: s.Environment.Command("resume") + " frees it; --force deploys all the same",
	}
}

// planMade says what deploying what was made would do, if that was asked for.
func (e *Engine) planMade(ctx context.Context, d deployment, known state.Environment, req api.UpRequest, sink event.Sink) error {
	if req.Goal != api.GoalPlan {
		return nil
	}
	return e.plan(ctx, d, e.explaining(ctx, known, d.record.Release, &req.Project, sink))
}

// finish runs f to its end even if the caller goes away; only the engine's own end cuts it.
func (e *Engine) finish(ctx context.Context, f func(context.Context) error) error {
	work, cancel := context.WithCancelCause(context.WithoutCancel(ctx))
	uncut := context.AfterFunc(e.life, func() { cancel(context.Cause(e.life)) })
	done := make(chan error, 1)
	e.work.Go(func() {
		defer cancel(nil)
		defer uncut()
		done <- f(work)
	})
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

func (e *Engine) environment(env release.Environment) (state.Environment, error) {
	var found state.Environment
	err := e.db.View(func(tx state.Tx) (err error) { found, err = tx.Environment(env); return err })
	return found, err
}
