package engine

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/seaworthyhq/seaworthy/internal/api"
	"github.com/seaworthyhq/seaworthy/internal/event"
	"github.com/seaworthyhq/seaworthy/internal/release"
	"github.com/seaworthyhq/seaworthy/internal/rollout"
	"github.com/seaworthyhq/seaworthy/internal/state"
)

func givenUp(dep release.Deployment, actor string) error {
	return &release.UserError{
		Kind: release.KindRollout, Err: fmt.Errorf("%s/%s was given up by %s", dep.Environment.Project, dep.Name(), actor),
		Hint: dep.Environment.Command("status") + " shows what serves",
	}
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
