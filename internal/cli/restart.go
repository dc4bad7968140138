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
		Example: "  seaworthy restart web",
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.onTarget(cmd.Context(), func(c *api.Client, env release.Environment, sink event.Sink) error {
				return c.Restart(cmd.Context(), api.ServicesRequest{Environment: env, Services: args, Actor: actor()}, sink)
			})
		},
	}
}
