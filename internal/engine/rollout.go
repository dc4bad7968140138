package engine

import (
	"cmp"
	"context"
	"errors"
	"sync"
	"time"

	"github.com/seaworthyhq/seaworthy/internal/event"
	"github.com/seaworthyhq/seaworthy/internal/host/machine"
	"github.com/seaworthyhq/seaworthy/internal/ledger"
	"github.com/seaworthyhq/seaworthy/internal/release"
	"github.com/seaworthyhq/seaworthy/internal/rollout"
	"github.com/seaworthyhq/seaworthy/internal/state"
)

// rollouts are those under way, one in an environment, so that each can be given up.
type rollouts struct {
	mu  sync.Mutex // guards all
	all map[release.Environment]*underWay
}

// underWay is a deployment from its beginning on record to its end.
type underWay struct {
	intent state.Pending
	given  context.Context // ends, with the reason as its cause, when the deployment is given up
	giveUp context.CancelCauseFunc
	ended  chan struct{}
}

// begin is called with the transaction that records the deployment: who finds it there can give it up.
func (r *rollouts) begin(p state.Pending) *underWay {
	u := &underWay{intent: p, ended: make(chan struct{})}
	u.given, u.giveUp = context.WithCancelCause(context.Background())
	if p.GivenUp != "" { // by an engine before this one
		u.giveUp(givenUp(p.Deployment, p.GivenUp))
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.all == nil {
		r.all = map[release.Environment]*underWay{}
	}
	r.all[p.Deployment.Environment] = u
	return u
}

func (r *rollouts) end(u *underWay) {
	r.mu.Lock()
	delete(r.all, u.intent.Deployment.Environment)
	r.mu.Unlock()
	u.giveUp(nil)
	close(u.ended)
}

func (r *rollouts) in(env release.Environment) *underWay {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.all[env]
}

// begin records the intent and what was decided with it, and rolls out.
func (e *Engine) begin(ctx context.Context, d deployment, s state.Environment, intent state.Pending, sink event.Sink) error {
	u, err := e.start(s, intent)
	if err != nil {
		return err
	}
	defer e.rollouts.end(u)
	if err := e.rollOut(ctx, u, d, sink); err != nil {
		return err
	}
	e.warnUnattended(d, sink)
	return nil
}

// start records the intent. Who finds it on record finds it under way, too.
func (e *Engine) start(s state.Environment, intent state.Pending) (u *underWay, err error) {
	err = e.db.Update(func(tx state.Tx) error {
		// Checked before, but another deployment may have been faster: from here on who is on record is first.
		if err := checkClaims(tx, s.Environment, intent.Desired.Generation.Config); err != nil {
			return err
		}
		if err := tx.PutEnvironment(s); err != nil { // chosen ports
			return err
		}
		started, err := tx.StartDeployment(intent.Deployment, intent.Desired)
		if err != nil {
			return err
		}
		started.Pending.Scale = intent.Scale
		u = e.rollouts.begin(intent)
		return tx.PutEnvironment(started)
	})
	if err != nil && u != nil {
		e.rollouts.end(u)
	}
	return u, err
}

// rollOut brings a recorded deployment to its end and records how it ended.
func (e *Engine) rollOut(ctx context.Context, u *underWay, d deployment, sink event.Sink) error {
	dep, desired := u.intent.Deployment, u.intent.Desired
	site := e.machine.Site(dep.Environment)
	site.Expect(generations(desired)...)
	sink.Emit(event.Event{Type: event.TypeDeployment, Deployment: &dep})
	told := tellReplicas(site, sink)
	result, err := e.run(ctx, u, desired, sink)
	told()
	if ctx.Err() != nil {
		return context.Cause(ctx) // the engine stops: the intent stays, and the next engine goes on with it
	}
	site.Expect()
	if err := e.machine.Apply(ctx); err != nil { // what only the rollout needed
		e.log.Error("apply routes after a rollout", "error", err)
	}
	dep.Result, dep.Ended = result, time.Now().UTC()
	if err != nil {
		dep.Error = reason(err)
	}
	recorded := e.write(func(tx state.Tx) error {
		if err := tx.EndDeployment(dep); err != nil || dep.Result != release.Succeeded {
			return err
		}
		return e.concluded(tx, d, u.intent.Scale)
	})
	recorded = errors.Join(recorded, e.forgetSecrets(dep.Environment))
	sink.Emit(event.Event{Type: event.TypeDeployment, Deployment: &dep})
	if err == nil && recorded == nil {
		announceAddresses(desired.Generation.Config, sink)
		sayHeld(d, sink)
		e.collectAfterwards()
	}
	return errors.Join(err, recorded)
}

// tellReplicas emits what becomes of the site's replicas until the function it returns is called.
func tellReplicas(site *machine.Site, sink event.Sink) (end func()) {
	ctx, cancel := context.WithCancel(context.Background())
	var telling sync.WaitGroup
	telling.Go(func() {
		site.Tell(ctx, func(r release.Replica) {
			sink.Emit(event.Event{Type: event.TypeReplica, Replica: &r})
		})
	})
	return func() {
		cancel()
		telling.Wait()
	}
}

// run rolls out and, when the deployment is given up, lets what served before serve again: as after a failure.
func (e *Engine) run(ctx context.Context, u *underWay, desired rollout.Desired, sink event.Sink) (release.Result, error) {
	site := e.machine.Site(desired.Environment)
	if u.given.Err() == nil {
		forth, cut := context.WithCancelCause(ctx)
		defer cut(nil)
		defer context.AfterFunc(u.given, func() { cut(context.Cause(u.given)) })()
		outcome, err := rollout.Run(forth, site, desired, sink)
		if err == nil || ctx.Err() != nil || u.given.Err() == nil {
			return cmp.Or(outcome.Result, release.Failed), err
		}
	}
	why := context.Cause(u.given)
	if _, err := rollout.Return(ctx, site, desired, sink); err != nil {
		return release.Failed, errors.Join(why, err)
	}
	return release.Cancelled, why
}

// generations are those that may have replicas while the environment is brought to what is desired.
func generations(desired rollout.Desired) []rollout.Generation {
	all := []rollout.Generation{desired.Generation}
	if desired.Before != nil {
		all = append(all, *desired.Before)
	}
	return all
}

// concluded records what holds from a deployment's success on.
func (e *Engine) concluded(tx state.Tx, d deployment, scale map[string]state.Scale) error {
	s, err := tx.Environment(d.env)
	if err != nil {
		return err
	}
	fresh := d.hold != "" && d.hold != s.Held
	s.Held, s.Scale = d.hold, scale
	if err := tx.PutEnvironment(s); err != nil || !fresh {
		return err
	}
	return tx.Record(ledger.EnvironmentHeld, d.env, d.env.String(), d.actor, d.hold)
}
