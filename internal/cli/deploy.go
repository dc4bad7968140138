package cli

import (
	"github.com/spf13/cobra"

	"github.com/seaworthyhq/seaworthy/internal/api"
	"github.com/seaworthyhq/seaworthy/internal/event"
	"github.com/seaworthyhq/seaworthy/internal/release"
)

func (a *app) deploy() *cobra.Command {
	var force bool
	cmd := &cobra.Command{
		Use: "deploy RELEASE", Short: "Put a release into an environment",
		Example: "  seaworthy deploy r-1a2b3c4d -e production", Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.onTarget(cmd.Context(), func(c *api.Client, env release.Environment, sink event.Sink) error {
				return c.Deploy(cmd.Context(), api.DeployRequest{Environment: env, Release: args[0], Actor: actor(), Force: force}, sink)
			})
		},
	}
	cmd.Flags().BoolVar(&force, "force", false, "deploy although a rollback holds the environment")
	return cmd
}
