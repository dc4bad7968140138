package cli

import (
	"github.com/spf13/cobra"

	"github.com/seaworthyhq/seaworthy/internal/api"
	"github.com/seaworthyhq/seaworthy/internal/event"
	"github.com/seaworthyhq/seaworthy/internal/release"
)

func (a *app) resume() *cobra.Command {
	return &cobra.Command{
		Use: "resume", Short: "Free an environment that a rollback holds", Example: "  seaworthy resume", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return a.onTarget(cmd.Context(), func(c *api.Client, env release.Environment, _ event.Sink) error {
				return c.Resume(cmd.Context(), api.ServicesRequest{Environment: env, Actor: actor()})
			})
		},
	}
}
