package cli

import (
	"context"

	"github.com/seaworthyhq/seaworthy/internal/api"
	"github.com/seaworthyhq/seaworthy/internal/event"
	"github.com/seaworthyhq/seaworthy/internal/release"
)

// reachTarget returns a client of the engine and the environment that the verb is about.
func (a *app) reachTarget(ctx context.Context) (*api.Client, release.Environment, error) {
	env, err := a.targetEnvironment()
	if err != nil {
		return nil, env, err
	}
	client, err := a.reach(ctx)
	return client, env, err
}

// onTarget changes the environment that the verb is about, or says what would change.
func (a *app) onTarget(ctx context.Context, planOnly bool, call func(*api.Client, release.Environment, event.Sink) error) error {
	client, env, err := a.reachTarget(ctx)
	if err != nil {
		return err
	}
	return a.change(ctx, env, planOnly, func(sink event.Sink) error { return call(client, env, sink) })
}
