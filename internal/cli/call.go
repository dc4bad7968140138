package cli

import (
	"context"

	"github.com/seaworthyhq/seaworthy/internal/api"
	"github.com/seaworthyhq/seaworthy/internal/event"
	"github.com/seaworthyhq/seaworthy/internal/release"
)

func (a *app) onTarget(ctx context.Context, call func(*api.Client, release.Environment, event.Sink) error) error {
	env, err := a.targetEnvironment()
	if err != nil {
		return err
	}
	client, err := a.reach(ctx)
	if err != nil {
		return err
	}
	return a.render(ctx, func(sink event.Sink) error { return call(client, env, sink) })
}
