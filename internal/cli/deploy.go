package cli

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/seaworthyhq/seaworthy/internal/api"
	"github.com/seaworthyhq/seaworthy/internal/event"
	"github.com/seaworthyhq/seaworthy/internal/release"
)

func (a *app) deploy() *cobra.Command {
	var force, plan bool
	cmd := &cobra.Command{
		Use:   "deploy RELEASE",
		Short: "Put a release into an environment; nothing is built",
		Long: lines(
			"Puts a release that was recorded before into an environment. Replicas are handed the values of secrets that the",
			"checkout has, if there is one; else those that were handed over last, by release or up."),
		Example: lines(
			"  seaworthy deploy r-1a2b3c4d -e production",
			"  seaworthy deploy staging#7 -e production --plan"),
		Args: arguments(1, 1),
		RunE: func(cmd *cobra.Command, args []string) error {
			ctx := cmd.Context()
			return a.onTarget(ctx, plan, func(c *api.Client, env release.Environment, sink event.Sink) error {
				req := api.DeployRequest{Environment: env, Release: args[0], Actor: actor(), Force: force, PlanOnly: plan, Secrets: a.secretsOf(ctx, env)}
				return c.Deploy(ctx, req, sink)
			})
		},
	}
	cmd.Flags().BoolVar(&force, "force", false, "deploy although a rollback holds the environment")
	planFlag(cmd, &plan)
	return cmd
}

// secretsOf are the values that the directory has for an environment: all of them, or none. Where one is missing the engine may
// have it; it says so if not.
func (a *app) secretsOf(ctx context.Context, env release.Environment) map[string][]byte {
	p, err := a.load(ctx, nil)
	if err != nil || p.Name != env.Project || p.Environment.Name != env.Name {
		return nil
	}
	values := map[string][]byte{}
	for _, s := range p.Environment.Secrets {
		if values[s.Name], err = p.Secret(s); err != nil {
			return nil
		}
	}
	return values
}
