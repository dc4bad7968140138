package cli

import (
	"github.com/spf13/cobra"

	"github.com/seaworthyhq/seaworthy/internal/api"
	"github.com/seaworthyhq/seaworthy/internal/event"
	"github.com/seaworthyhq/seaworthy/internal/release"
)

func (a *app) restart() *cobra.Command {
	return &cobra.Command{
		Use: "restart [SERVICE...]", Short: "Restart services, one replica after the other",
		Long: lines(
			"Restarts replicas one after the other, each out of the traffic meanwhile. Without names: all but those of jobs that have",
			"done their work, which run again only where they are named. What has begun the engine finishes, also after Ctrl-C."),
		Example: "  seaworthy restart web",
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.onTarget(cmd.Context(), false, func(c *api.Client, env release.Environment, sink event.Sink) error {
				return c.Restart(cmd.Context(), api.ServicesRequest{Environment: env, Services: args, Actor: actor()}, sink)
			})
		},
	}
}
