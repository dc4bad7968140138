package engine

import (
	"context"
	"errors"
	"fmt"

	"github.com/seaworthyhq/seaworthy/internal/event"
	"github.com/seaworthyhq/seaworthy/internal/release"
	"github.com/seaworthyhq/seaworthy/internal/rollout"
	"github.com/seaworthyhq/seaworthy/internal/state"
)

// plan says what a deployment would do, and changes nothing.
func (e *Engine) plan(ctx context.Context, d deployment, sink event.Sink) error {
	s, err := e.environment(d.env)
	if err != nil {
		return err
	}
	p, desired, err := e.planOf(ctx, d, s)
	if err != nil {
		return err
	}
	shown := p.Event()
	shown.Plan.Only, shown.Plan.Digest, shown.Plan.After = true, p.Digest(), s.Last
	if !d.down {
		shown.Plan.Release = desired.Generation.Release
	}
	if s.Serving != nil {
		shown.Plan.Serving = s.Serving.Generation.Release
	}
	if s.Pending == nil { // it may have the ports itself
		if err := e.checkPorts(ctx, d.env, s.Serving, desired.Generation.Config); err != nil {
			sink.Emit(event.Event{Type: event.TypeMessage, Message: warning(err)})
		}
	}
	for _, m := range reservations(d, s) {
		sink.Emit(event.Event{Type: event.TypeMessage, Message: &m})
	}
	sink.Emit(shown)
	return nil
}

// warning is an error that does not keep a plan from being made.
func warning(err error) *event.Message {
	m := &event.Message{Level: event.Warn, Text: err.Error()}
	if known, ok := errors.AsType[*release.UserError](err); ok {
		m.Hint = known.Hint
	}
	return m
}

// reservations are what stands between a plan and its execution.
func reservations(d deployment, s state.Environment) []event.Message {
	var all []event.Message
	if s.Held != "" && (d.cause == release.CauseUp || d.cause == release.CauseDeploy) {
		all = append(all, event.Message{
			Level: event.Warn, Text: fmt.Sprintf("%s is held: %s", d.env, s.Held), Hint: d.env.Command("resume") + " frees it; --force deploys all the same",
		})
	}
	if s.Pending != nil {
		all = append(all, event.Message{
			Level: event.Warn, Text: s.Pending.Deployment.Name() + " is under way: the plan is of what is there at this moment", Hint: d.env.Command("plan") + " again when it has ended",
		})
	}
	return all
}

// planOf is the plan that a deployment would be now. Nothing that it decides is kept.
func (e *Engine) planOf(ctx context.Context, d deployment, s state.Environment) (rollout.Plan, rollout.Desired, error) {
	d.dry = true
	desired, err := e.desired(d, &s)
	if err != nil {
		return rollout.Plan{}, desired, err
	}
	observed, err := e.machine.Site(d.env).Observe(ctx)
	if err != nil {
		return rollout.Plan{}, desired, err
	}
	return rollout.PlanDeploy(observed, desired), desired, nil
}

// checkPlanned refuses a deployment that is not the plan which was asked for.
func (e *Engine) checkPlanned(ctx context.Context, d deployment, s state.Environment) error {
	if d.planned == nil {
		return nil
	}
	stale := &release.UserError{Kind: release.KindConflict, Hint: d.env.Command("plan -o FILE") + " makes a new one"}
	if s.Last != d.planned.After {
		stale.Err = fmt.Errorf("the plan is stale: %s#%d was deployed since", d.env.Name, s.Last)
		return stale
	}
	p, _, err := e.planOf(ctx, d, s)
	if err != nil {
		return err
	}
	if p.Digest() != d.planned.Digest {
		stale.Err = fmt.Errorf("the plan is stale: what was found in %s makes another one now", d.env)
		stale.Detail = p.String()
		return stale
	}
	return nil
}

// pinsOf are the images that tags stand for in a configuration.
func pinsOf(config release.Config) map[string]release.Image {
	pins := map[string]release.Image{}
	for _, s := range config.Services {
		if s.Image.Stage == "" {
			pins[s.Image.Ref] = s.Image
		}
	}
	return pins
}
