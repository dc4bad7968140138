package rollout

import (
	"context"
	"errors"
	"fmt"

	"github.com/seaworthyhq/seaworthy/internal/event"
	"github.com/seaworthyhq/seaworthy/internal/release"
)

// Site is an environment that can be looked at and changed.
type Site interface {
	Host
	Observer
}

// Outcome is how a rollout ended, beside its error.
type Outcome struct {
	Result release.Result
	Plan   Plan // the way forth
	Return Plan // the way back after a failure; empty where there was none
}

// Run brings the site to what is desired: it observes, plans, executes. When that fails it observes again and plans, with
// the same planner, back to what served before, unless the service that failed says otherwise. Emitted are the plans
// and a step per operation. The error says why a rollout did not succeed, also when it was rolled back. A cancelled ctx leaves
// everything as it is: running the same again goes on.
func Run(ctx context.Context, site Site, d Desired, sink event.Sink) (Outcome, error) {
	a := attempt{site: site, environment: d.Environment, sink: sink}
	observed, err := a.observe(ctx)
	if err != nil {
		return Outcome{Result: release.Failed}, err
	}
	before := observed.Serving.generation()
	if d.Before != nil {
		before = *d.Before
	}
	out := Outcome{Plan: PlanDeploy(observed, d)}
	out.Result, err = a.execute(ctx, out.Plan)
	failure, failed := errors.AsType[*OperationError](err)
	if !failed || d.Cause == release.CauseDown { // what is gone is not brought back: down goes on where it failed
		return out, a.explain(err)
	}
	if a.pauses(ctx, d, failure.Operation) {
		return out, a.explain(err)
	}
	var backErr error
	out.Return, backErr = a.comeBack(ctx, before)
	if backErr == nil && before.serves() && !same(before.Config, d.Generation.Config) {
		out.Result = release.RolledBack
	}
	return out, joinErrors(a.explain(err), backErr)
}

// Return lets what served before a deployment serve again, whole, from wherever the deployment was cut. It returns the way back.
func Return(ctx context.Context, site Site, d Desired, sink event.Sink) (Plan, error) {
	return attempt{site: site, environment: d.Environment, sink: sink}.comeBack(ctx, d.before())
}

// PlanReturn is the way that Return goes.
func PlanReturn(o Observed, d Desired) Plan {
	return planBack(o, d.Environment, d.before())
}

func planBack(o Observed, env release.Environment, to Generation) Plan {
	return PlanDeploy(o, Desired{Environment: env, Generation: to, Cause: release.CauseRollback, Return: true})
}

// RunRestart restarts services of what serves, replica by replica; no names mean all. When one does not come back well, the
// others have the traffic, and it belongs to what serves as before: what becomes of it is as if it had ended by itself. The same
// goes for the one under way when until, which is a part of ctx, ends before it has come to the last.
func RunRestart(ctx, until context.Context, site Site, env release.Environment, services []string, sink event.Sink) (Outcome, error) {
	a := attempt{site: site, environment: env, sink: sink}
	observed, err := a.observe(ctx)
	if err != nil {
		return Outcome{Result: release.Failed}, err
	}
	out := Outcome{Plan: PlanRestart(observed, env, services)}
	if out.Result, err = a.execute(until, out.Plan); err == nil || ctx.Err() != nil {
		return out, err
	}
	left, backErr := a.observe(ctx)
	if backErr == nil {
		out.Return = planReadmit(left, env, *observed.Serving)
		_, backErr = a.execute(ctx, out.Return)
	}
	return out, joinErrors(a.explain(err), backErr)
}

// attempt is one run on one site.
type attempt struct {
	site        Site
	environment release.Environment
	sink        event.Sink
}

func (a attempt) observe(ctx context.Context) (Observed, error) {
	observed, err := a.site.Observe(ctx)
	if err != nil {
		return Observed{}, fmt.Errorf("observe %s: %w", a.environment, err)
	}
	return observed, nil
}

// execute emits the plan and executes it. What could not be cleaned up is said and no error.
func (a attempt) execute(ctx context.Context, plan Plan) (release.Result, error) {
	a.sink.Emit(plan.Event())
	err := Execute(ctx, plan, a.site, a.sink)
	if left, ok := errors.AsType[*LeftoverError](err); ok {
		a.warn(fmt.Sprintf("not all that is old could be removed: %v", left), "the next deployment removes what is left")
		err = nil
	}
	switch {
	case err == nil:
		return release.Succeeded, nil
	case ctx.Err() != nil:
		return release.Cancelled, fmt.Errorf("roll out %s: %w", a.environment, context.Cause(ctx))
	}
	return release.Failed, err
}

// comeBack lets a generation serve again after a failure.
func (a attempt) comeBack(ctx context.Context, to Generation) (Plan, error) {
	observed, err := a.observe(ctx)
	if err != nil {
		return Plan{}, err
	}
	plan := planBack(observed, a.environment, to)
	if _, err := a.execute(ctx, plan); err != nil {
		return plan, fmt.Errorf("return to %s: %w", shown(to), err)
	}
	return plan, nil
}

// pauses reports whether things stay as they are because the service that failed says so. They do not where a service
// is held: it has to come back.
func (a attempt) pauses(ctx context.Context, d Desired, failed Operation) bool {
	s := d.Generation.Config.Service(failed.Service)
	if s == nil || updatePolicy(d, s).FailureAction != release.ActionPause {
		return false
	}
	observed, err := a.observe(ctx)
	if err != nil || observed.Serving == nil || len(observed.Serving.Held) > 0 {
		return false
	}
	a.warn("paused: new replicas are kept beside those that served", a.environment.Command("up")+", or rollback")
	return true
}

// explain makes a failed operation an error that a person can act on; one that is such an error already keeps its kind.
func (a attempt) explain(err error) error {
	failure, ok := errors.AsType[*OperationError](err)
	if !ok {
		return err
	}
	said := &release.UserError{Kind: release.KindRollout, Err: fmt.Errorf("roll out %s: %w", a.environment, failure)}
	if s := failure.Operation.Service; s != "" {
		said.Hint = a.environment.Command("logs --previous -n 50") + " " + s
	}
	if known, ok := errors.AsType[*release.UserError](failure.Err); ok {
		said.Kind, said.Detail = known.Kind, known.Detail
		if known.Hint != "" {
			said.Hint = known.Hint
		}
	}
	return said
}

func (a attempt) warn(text, hint string) {
	a.sink.Emit(event.Event{Type: event.TypeMessage, Message: &event.Message{
		Level: event.Warn, Text: a.environment.String() + ": " + text, Hint: hint,
	}})
}

// joinErrors keeps the first error as it is where there is no second one.
func joinErrors(err, second error) error {
	if second == nil {
		return err
	}
	return errors.Join(err, second)
}
