package cli

import (
	"github.com/spf13/cobra"

	"github.com/seaworthyhq/seaworthy/internal/api"
	"github.com/seaworthyhq/seaworthy/internal/event"
	"github.com/seaworthyhq/seaworthy/internal/release"
)

func (a *app) rollback() *cobra.Command {
	return &cobra.Command{
		Use: "rollback [RELEASE]", Short: "Go back to a release, by digest; up waits for resume then",
		Example: "  seaworthy rollback\n  seaworthy rollback local#3", Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			req := api.DeployRequest{Rollback: true, Actor: actor()}
			if len(args) == 1 {
				req.Release = args[0]
			}
			return a.onTarget(cmd.Context(), func(c *api.Client, env release.Environment, sink event.Sink) error {
				req.Environment = env
				return c.Deploy(cmd.Context(), req, sink)
			})
		},
	}
}
