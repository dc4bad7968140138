package cli

import (
	"strings"

	"github.com/spf13/cobra"

	"github.com/seaworthyhq/seaworthy/internal/api"
	"github.com/seaworthyhq/seaworthy/internal/event"
	"github.com/seaworthyhq/seaworthy/internal/release"
)

func (a *app) rollback() *cobra.Command {
	req := api.DeployRequest{Rollback: true}
	cmd := &cobra.Command{
		Use:   "rollback [RELEASE]",
		Short: "Go back to a release, by digest; up waits for resume then",
		Long: lines(
			"Goes back to the release that served before, or to RELEASE, by digest, and holds the environment: up refuses until resume.",
			"Run again, it goes further back: never to a release that was rolled back from. Replicas keep the values of secrets that",
			"serve; others are those of the checkout, if there is one, else those that were handed over last.",
			"",
			"While a deployment is under way, rollback without a RELEASE gives that one up: what served before serves again, as after a",
			"failure, and nothing is held. A rollback under way is waited for. With a RELEASE it gives up whatever is under way, a rollback",
			"too, and then goes there."),
		Example: lines(
			"  seaworthy rollback",
			"  seaworthy rollback local#3 --plan"),
		Args: arguments(0, 1),
		RunE: func(cmd *cobra.Command, args []string) error {
			req.Actor, req.Release = actor(), strings.Join(args, "")
			return a.onTarget(cmd.Context(), req.PlanOnly, func(c *api.Client, env release.Environment, sink event.Sink) error {
				req.Environment, req.Secrets = env, a.secretsOf(cmd.Context(), env)
				return c.Deploy(cmd.Context(), req, sink)
			})
		},
	}
	planFlag(cmd, &req.PlanOnly)
	return cmd
}
