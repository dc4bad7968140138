package engine

import (
	"context"
	"errors"
	"fmt"

	"github.com/seaworthyhq/seaworthy/internal/api"
	"github.com/seaworthyhq/seaworthy/internal/event"
	"github.com/seaworthyhq/seaworthy/internal/ledger"
	"github.com/seaworthyhq/seaworthy/internal/release"
	"github.com/seaworthyhq/seaworthy/internal/rollout"
	"github.com/seaworthyhq/seaworthy/internal/state"
)

func (e *Engine) deployRelease(ctx context.Context, req api.DeployRequest, sink event.Sink) error {
	if req.Rollback && req.Release == "" {
		if done, err := e.takeBack(ctx, req, sink); done || err != nil {
			return err
		}
	}
	decide := func() (deployment, error) { return e.decideRelease(req) }
	d, err := decide() // what is wrong now is said now
	if err != nil {
		return err
	}
	if req.Rollback && req.Release != "" {
		if err := e.warnUnproven(d, sink); err != nil {
			return err
		}
	}
	if req.PlanOnly {
		return e.plan(ctx, d, sink)
	}
	if req.Rollback && req.Release != "" {
		if err := e.makeWay(d, sink); err != nil {
			return err
		}
	}
	return e.deploy(ctx, request{env: d.env, work: d.work(), decide: decide}, sink)
}

func (e *Engine) decideRelease(req api.DeployRequest) (deployment, error) {
	rec, err := e.findRelease(req.Environment, req.Release, req.Rollback)
	if err != nil {
		return deployment{}, err
	}
	s, err := e.environment(req.Environment)
	if err != nil {
		return deployment{}, err
	}
	d := deployment{
		env: req.Environment, record: rec, cause: release.CauseDeploy, actor: req.Actor, planned: req.Planned, hold: s.Held,
		secrets: req.Secrets, handOver: len(req.Secrets) > 0,
	}
	if req.Planned != nil {
		d.cause = release.CauseUp
	}
	if req.Rollback {
		d.cause = release.CauseRollback
		d.hold = rolledBack(rec.ID, req.Actor)
		return d, nil
	}
	return d, refuseHeld(s, req.Force || req.PlanOnly)
}

// findRelease finds a release by name; without one, the one that serves or, for a rollback, the one that served before it.
func (e *Engine) findRelease(env release.Environment, name string, before bool) (rec state.Record, err error) {
	err = e.db.View(func(tx state.Tx) error {
		if name != "" {
			rec, err = tx.FindRelease(env, name)
			return err
		}
		s, err := tx.Environment(env)
		if err != nil {
			return err
		}
		if s.Serving == nil || s.Serving.Generation.Release == "" {
			return nothingServes(env)
		}
		id := s.Serving.Generation.Release
		if before {
			if id, err = releaseBefore(tx, env, s.Serving.Generation); err != nil {
				return err
			}
		}
		if rec, err = tx.Release(id); errors.Is(err, state.ErrNotFound) {
			return tx.Collected(env, id)
		}
		return err
	})
	return rec, err
}

func nothingServes(env release.Environment) error {
	return &release.UserError{Kind: release.KindNotFound, Err: fmt.Errorf("nothing is deployed in %s", env), Hint: env.Command("up") + " deploys"}
}

func (e *Engine) scale(ctx context.Context, req api.ScaleRequest, sink event.Sink) error {
	decide := func() (deployment, error) { return e.decideScale(req) }
	d, err := decide()
	if err != nil {
		return err
	}
	if req.PlanOnly {
		return e.plan(ctx, d, sink)
	}
	return e.deploy(ctx, request{env: d.env, work: d.work(), decide: decide}, sink)
}

// decideScale scales what serves.
func (e *Engine) decideScale(req api.ScaleRequest) (deployment, error) {
	rec, err := e.findRelease(req.Environment, "", false)
	if err != nil {
		return deployment{}, err
	}
	s, err := e.environment(req.Environment)
	if err == nil && len(e.services(s)) == 0 {
		err = nothingServes(req.Environment)
	}
	return deployment{
		env: req.Environment, record: rec, cause: release.CauseScale, actor: req.Actor, scale: req.Replicas, hold: s.Held,
	}, err
}

func (e *Engine) restart(ctx context.Context, req api.ServicesRequest, sink event.Sink) error {
	s, err := e.environment(req.Environment)
	if err != nil {
		return err
	}
	if len(e.services(s)) == 0 {
		return nothingServes(req.Environment)
	}
	if err := e.knowService(s, req.Services...); err != nil {
		return err
	}
	given, cutShort := context.WithCancelCause(context.Background())
	w := work{what: "restart by " + req.Actor, cutShort: cutShort}
	return e.inTurn(ctx, req.Environment, w, sink, func(ctx context.Context) error {
		if err := e.makeWhole(ctx, req.Environment, sink); err != nil {
			return err
		}
		until, end := context.WithCancelCause(ctx)
		defer end(nil)
		defer context.AfterFunc(given, func() { end(context.Cause(given)) })()
		site := e.machine.Site(req.Environment)
		defer tellReplicas(site, sink)()
		out, err := rollout.RunRestart(ctx, until, site, req.Environment, req.Services, sink)
		return errors.Join(err, e.recordRestart(req, out.Plan, err))
	})
}

func (e *Engine) recordRestart(req api.ServicesRequest, plan rollout.Plan, failure error) error {
	var done ledger.Restart
	for _, c := range plan.Changes {
		done.Services = append(done.Services, c.Service)
	}
	if failure != nil {
		done.Error = reason(failure)
	}
	return e.db.Update(func(tx state.Tx) error {
		return tx.Record(ledger.ServicesRestarted, req.Environment, req.Environment.String(), req.Actor, done)
	})
}

func (e *Engine) resume(_ context.Context, req api.ServicesRequest) (was api.ResumeResult, err error) {
	err = e.db.Update(func(tx state.Tx) error {
		s, err := tx.Environment(req.Environment)
		if err != nil || s.Held == "" {
			return err
		}
		was.Held, s.Held = s.Held, ""
		if err := tx.PutEnvironment(s); err != nil {
			return err
		}
		return tx.Record(ledger.EnvironmentFreed, req.Environment, req.Environment.String(), req.Actor, nil)
	})
	return was, err
}

func (e *Engine) down(ctx context.Context, req api.ServicesRequest, sink event.Sink) error {
	decide := func() (deployment, error) {
		rec, err := e.findRelease(req.Environment, "", false)
		if release.KindOf(err) == release.KindNotFound {
			err = nil // nothing serves: what a deployment has left is taken down all the same
		}
		if err != nil {
			return deployment{}, err
		}
		s, err := e.environment(req.Environment)
		return deployment{
			env: req.Environment, record: rec, cause: release.CauseDown, actor: req.Actor, down: true, hold: s.Held,
			after: func() error { return e.clear(req, sink) },
		}, err
	}
	if req.PlanOnly {
		d, err := decide()
		if err != nil {
			return err
		}
		if err := e.plan(ctx, d, sink); err != nil || !req.Volumes {
			return err
		}
		return e.planVolumes(req.Environment, sink)
	}
	return e.deploy(ctx, request{env: req.Environment, work: work{what: "down by " + req.Actor, hurries: true}, decide: func() (deployment, error) {
		if err := e.endOneOffs(e.life, req.Environment); err != nil {
			return deployment{}, err
		}
		return decide()
	}}, sink)
}

// clear removes what an environment that is down has kept.
func (e *Engine) clear(req api.ServicesRequest, sink event.Sink) error {
	if err := e.vault.Remove(req.Environment); err != nil || !req.Volumes {
		return err
	}
	return e.removeVolumes(req.Environment, req.Actor, sink)
}
