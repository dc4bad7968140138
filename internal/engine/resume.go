package engine

import (
	"fmt"

	"github.com/seaworthyhq/seaworthy/internal/event"
	"github.com/seaworthyhq/seaworthy/internal/release"
	"github.com/seaworthyhq/seaworthy/internal/state"
)

// resumeAll goes on, in the background, with what an engine before this one left unfinished. The turns are taken before
// anybody can ask for one.
func (e *Engine) resumeAll() {
	var all []state.Environment
	if err := e.db.View(func(tx state.Tx) (err error) { all, err = tx.Environments(); return err }); err != nil {
		e.log.Error("find what is unfinished", "error", err)
		return
	}
	for _, s := range all {
		w, do := e.goOn(s)
		if do == nil {
			continue
		}
		give, err := e.turns.take(e.life, s.Environment, w, event.Discard)
		if err != nil {
			return // stopped already
		}
		e.work.Go(func() {
			defer give()
			e.log.Info("go on", "environment", s.Environment, "with", w.what)
			if err := do(); err != nil {
				e.log.Error("go on", "environment", s.Environment, "with", w.what, "error", err)
			}
		})
	}
}

// goOn is what an engine before this one left to do in an environment; nil is nothing.
func (e *Engine) goOn(s state.Environment) (w work, do func() error) {
	switch {
	case s.Pending != nil:
		u := e.rollouts.begin(*s.Pending)
		w = work{what: s.Pending.Deployment.Name() + ", which was interrupted", canGiveUp: s.Pending.Deployment.Cause.CanBeGivenUp()}
		return w, func() error { return e.resumeDeployment(u, s.Held) }
	case !isWhole(s.Serving):
		return work{what: "a restart, which was interrupted"}, func() error { return e.makeWhole(e.life, s.Environment, event.Discard) }
	}
	return work{}, nil
}

func (e *Engine) resumeDeployment(u *underWay, held string) error {
	defer e.rollouts.end(u)
	dep := u.intent.Deployment
	d := deployment{env: dep.Environment, cause: dep.Cause, actor: dep.Actor, hold: heldAfter(dep, held), down: dep.Cause == release.CauseDown}
	return e.rollOut(e.life, u, d, event.Discard)
}

// heldAfter is why the environment is held once a deployment that was cut has succeeded.
func heldAfter(dep release.Deployment, held string) string {
	switch dep.Cause {
	case release.CauseRollback:
		return rolledBack(dep.Release, dep.Actor)
	case release.CauseUp: // it was made in spite of what held
		return ""
	}
	return held
}

func rolledBack(to release.ID, actor string) string {
	return fmt.Sprintf("rolled back to %s by %s", to.Short(), actor)
}
