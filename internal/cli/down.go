package cli

import (
	"github.com/spf13/cobra"

	"github.com/seaworthyhq/seaworthy/internal/api"
	"github.com/seaworthyhq/seaworthy/internal/event"
	"github.com/seaworthyhq/seaworthy/internal/release"
	"github.com/seaworthyhq/seaworthy/internal/tui"
)

func (a *app) down() *cobra.Command {
	var volumes, plan bool
	cmd := &cobra.Command{
		Use: "down", Short: "Stop and remove what an environment runs; volumes stay", Example: "  seaworthy down\n  seaworthy down --volumes", Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if a.neverRan() {
				return a.render(cmd.Context(), func(sink event.Sink) error {
					sink.Emit(message(event.Info, "nothing runs: no engine has ever run in "+a.root, ""))
					return nil
				})
			}
			if volumes && !plan {
				if err := tui.Confirm(cmd.Context(), a.in, a.err, "Remove the volumes and all data in them?", a.yes); err != nil {
					return err
				}
			}
			return a.onTarget(cmd.Context(), func(c *api.Client, env release.Environment, sink event.Sink) error {
				return c.Down(cmd.Context(), api.ServicesRequest{Environment: env, Actor: actor(), Volumes: volumes, PlanOnly: plan}, sink)
			})
		},
	}
	cmd.Flags().BoolVar(&volumes, "volumes", false, "remove the volumes too")
	planFlag(cmd, &plan)
	return cmd
}
