package engine

import (
	"context"
	"fmt"
	"maps"
	"time"

	"github.com/seaworthyhq/seaworthy/internal/api"
	"github.com/seaworthyhq/seaworthy/internal/event"
	"github.com/seaworthyhq/seaworthy/internal/release"
	"github.com/seaworthyhq/seaworthy/internal/rollout"
	"github.com/seaworthyhq/seaworthy/internal/state"
)

// deployment is what is asked for, before it has a number.
type deployment struct {
	env      release.Environment
	record   state.Record
	cause    release.Cause
	actor    string
	origin   release.Origin // of the release; none: its last one
	secrets  map[string][]byte
	handOver bool           // secrets replace those that are kept
	scale    map[string]int // by hand, from now on
	hold     string         // why the environment is held afterwards
	down     bool
	planned  *api.Planned // the plan that it has to be; nil: any
	dry      bool         // only planned: nothing is decided for good
	after    func() error // belongs to the environment's turn, after success; may be nil
}

// work says for what others wait.
func (d deployment) work() work {
	return work{
		what: fmt.Sprintf("%s of %s by %s", d.cause, d.record.ID.Short(), d.actor), canGiveUp: d.cause.CanBeGivenUp(),
		urgent: d.cause == release.CauseRollback, hurries: d.cause == release.CauseRollback, // what waits finds the environment held then
	}
}

// madeFrom is where the release comes from.
func (d deployment) madeFrom() release.Origin {
	if d.origin.Time.IsZero() {
		return d.record.Origin()
	}
	return d.origin
}

// request is a deployment that is decided on when the environment's turn has come: until then something else may serve in it.
type request struct {
	env    release.Environment
	work   work
	decide func() (deployment, error)
}

// deploy takes the environment's turn and deploys.
func (e *Engine) deploy(ctx context.Context, r request, sink event.Sink) error {
	return e.inTurn(ctx, r.env, r.work, sink, func(ctx context.Context) error {
		d, err := r.decide()
		if err != nil {
			return err
		}
		if err := e.deployNow(ctx, d, sink); err != nil || d.after == nil {
			return err
		}
		return d.after()
	})
}

// inTurn runs f when the environment's turn has come. A caller that goes away while it waits has taken back what it asked for;
// from then on f runs to its end.
func (e *Engine) inTurn(ctx context.Context, env release.Environment, w work, sink event.Sink, f func(context.Context) error) error {
	give, err := e.turns.take(ctx, env, w, sink)
	if err != nil {
		return err
	}
	return e.finish(ctx, func(ctx context.Context) error {
		defer give()
		return f(ctx)
	})
}

// deployNow records the intent, rolls out, and records the result.
func (e *Engine) deployNow(ctx context.Context, d deployment, sink event.Sink) error {
	s, err := e.environment(d.env)
	if err != nil {
		return err
	}
	if err := e.checkPlanned(ctx, d, s); err != nil {
		return err
	}
	if d.planned != nil {
		s.Pins = pinsOf(d.record.Release.Environments[d.env.Name])
	}
	scale := maps.Clone(s.Scale)
	desired, err := e.desired(d, &s)
	if err != nil {
		return err
	}
	site := e.machine.Site(d.env)
	observed, err := site.Observe(ctx)
	if err != nil {
		return err
	}
	if d.handOver {
		if err := e.vault.HandOver(d.env, d.secrets); err != nil {
			return err
		}
	}
	p := rollout.PlanDeploy(observed, desired)
	if p.Empty() && s.Pending == nil {
		sink.Emit(p.Event())
		if err := e.settle(d, s); err != nil {
			return err
		}
		sayHeld(d, sink)
		return nil
	}
	if err := e.checkMounts(desired.Generation.Config); err != nil {
		return err
	}
	if err := e.checkPorts(ctx, d.env, observed.Serving, desired.Generation.Config); err != nil {
		return err
	}
	dep := release.Deployment{
		Environment: d.env, Number: desired.Generation.Deployment, Release: d.record.ID, Cause: d.cause, Actor: d.actor,
		Result: release.Running, Plan: p.String(), Started: time.Now().UTC(), Origin: d.madeFrom(),
	}
	intent := state.Pending{Deployment: dep, Desired: desired, Scale: s.Scale}
	s.Scale = scale // until it has succeeded
	return e.begin(ctx, d, s, intent, sink)
}

// settle records what a deployment says besides what runs, when there is nothing to roll out.
func (e *Engine) settle(d deployment, s state.Environment) error {
	if d.hold == "" && d.scale == nil {
		return nil
	}
	if d.hold != "" {
		s.Held = d.hold
	}
	return e.db.Update(func(tx state.Tx) error { return tx.PutEnvironment(s) })
}
