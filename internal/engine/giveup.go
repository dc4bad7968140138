package engine

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/seaworthyhq/seaworthy/internal/api"
	"github.com/seaworthyhq/seaworthy/internal/event"
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

func givenUp(dep release.Deployment, actor string) error {
	return &release.UserError{
		Kind: release.KindRollout, Err: fmt.Errorf("%s/%s was given up by %s", dep.Environment.Project, dep.Name(), actor),
		Hint: dep.Environment.Command("status") + " shows what serves",
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

// takeBack gives up the deployment that is under way in an environment, and returns when what served before serves again. A
// rollback under way is waited for. It is false where there is neither: then it is for a deployment to lead back.
func (e *Engine) takeBack(ctx context.Context, req api.DeployRequest, sink event.Sink) (done bool, err error) {
	u := e.rollouts.in(req.Environment)
	if u == nil {
		return e.wasTakenBack(req.Environment, sink)
	}
	if u.intent.Deployment.Cause == release.CauseDown {
		return false, nil
	}
	if req.PlanOnly {
		return true, e.planReturn(ctx, u, sink)
	}
	if dep := u.intent.Deployment; dep.Cause.CanBeGivenUp() {
		if given, err := e.giveUp(u, req.Actor, sink); err != nil || !given {
			return false, err
		}
	} else {
		sink.Emit(event.Event{Type: event.TypeMessage, Message: &event.Message{
			Level: event.Info, Text: fmt.Sprintf("%s: waiting for %s, a rollback by %s", dep.Environment, dep.Name(), dep.Actor), Waiting: true,
		}})
	}
	if err := u.await(ctx); err != nil {
		return true, err
	}
	return e.afterwards(u, sink)
}

// makeWay gives up what is under way in an environment, a rollback too, for a rollback to a release that was chosen by hand. What
// leads to that release already, and a down, are waited for in turn. So is the end of what is given up: before others that wait.
func (e *Engine) makeWay(d deployment, sink event.Sink) error {
	u := e.rollouts.in(d.env)
	if u == nil || u.intent.Deployment.Cause == release.CauseDown || u.intent.Deployment.Release == d.record.ID {
		return nil
	}
	_, err := e.giveUp(u, d.actor, sink)
	return err
}

// giveUp records that a deployment is given up, and by whom, before it is. It is false where the deployment has just ended.
func (e *Engine) giveUp(u *underWay, actor string, sink event.Sink) (bool, error) {
	dep := u.intent.Deployment
	err := e.db.Update(func(tx state.Tx) error { return tx.GiveUpDeployment(dep.Environment, dep.Number, actor) })
	if errors.Is(err, state.ErrNotFound) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	u.giveUp(givenUp(dep, actor))
	text := fmt.Sprintf("%s: giving up %s, %s of %s by %s", dep.Environment, dep.Name(), dep.Cause, dep.Release.Short(), dep.Actor)
	sink.Emit(event.Event{Type: event.TypeMessage, Message: &event.Message{Level: event.Info, Text: text, Begun: true}})
	return true, nil
}

// await returns when the deployment has ended.
func (u *underWay) await(ctx context.Context) error {
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-u.ended:
		return nil
	}
}

// wasTakenBack says what serves where the last deployment has just been given up: the same command, run again, does not go back
// further.
func (e *Engine) wasTakenBack(env release.Environment, sink event.Sink) (bool, error) {
	var last release.Deployment
	s, err := e.environment(env)
	if err != nil || s.Last == 0 || s.Pending != nil {
		return false, err
	}
	err = e.db.View(func(tx state.Tx) (err error) { last, err = tx.Deployment(env, s.Last); return err })
	if err != nil || !justGivenUp(last, time.Now()) {
		return false, err
	}
	sink.Emit(event.Event{Type: event.TypeDeployment, Deployment: &last})
	say(sink, serves(s))
	say(sink, env.Command("rollback RELEASE")+" goes back further")
	return true, nil
}

// planReturn says what giving up would do at this moment.
func (e *Engine) planReturn(ctx context.Context, u *underWay, sink event.Sink) error {
	dep := u.intent.Deployment
	if !dep.Cause.CanBeGivenUp() {
		say(sink, fmt.Sprintf("%s: %s, a rollback by %s, is under way: it would be waited for", dep.Environment, dep.Name(), dep.Actor))
		return nil
	}
	observed, err := e.machine.Site(dep.Environment).Observe(ctx)
	if err != nil {
		return err
	}
	say(sink, fmt.Sprintf("%s: %s, %s by %s, is under way: it would be given up", dep.Environment, dep.Name(), dep.Cause, dep.Actor))
	shown := rollout.PlanReturn(observed, u.intent.Desired).Event()
	shown.Plan.Only = true
	sink.Emit(shown)
	return nil
}

// afterwards says what serves once a deployment has ended that was to be given up. It is false where the deployment was quicker,
// and serves.
func (e *Engine) afterwards(u *underWay, sink event.Sink) (bool, error) {
	var dep release.Deployment
	var s state.Environment
	err := e.db.View(func(tx state.Tx) (err error) {
		if dep, err = tx.Deployment(u.intent.Deployment.Environment, u.intent.Deployment.Number); err != nil {
			return err
		}
		s, err = tx.Environment(dep.Environment)
		return err
	})
	switch {
	case err != nil:
		return true, err
	case dep.Result == release.Succeeded && dep.Cause != release.CauseRollback:
		return false, nil
	case dep.Result == release.Running:
		return true, errStopping
	case dep.Result == release.Failed:
		return true, &release.UserError{
			Kind: release.KindRollout, Err: fmt.Errorf("%s has failed: %s", dep.Name(), dep.Error), Hint: dep.Environment.Command("status") + " shows what serves",
		}
	}
	sink.Emit(event.Event{Type: event.TypeDeployment, Deployment: &dep})
	say(sink, serves(s))
	return true, nil
}

func serves(s state.Environment) string {
	if s.Serving == nil || len(s.Serving.Generation.Config.Services) == 0 {
		return s.Environment.String() + ": nothing serves"
	}
	g := s.Serving.Generation
	return fmt.Sprintf("%s: %s of %s#%d serves", s.Environment, g.Release.Short(), s.Environment.Name, g.Deployment)
}

func say(sink event.Sink, text string) {
	sink.Emit(event.Event{Type: event.TypeMessage, Message: &event.Message{Level: event.Info, Text: text}})
}
