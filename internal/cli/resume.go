package cli

import (
	"github.com/spf13/cobra"

	"github.com/seaworthyhq/seaworthy/internal/api"
	"github.com/seaworthyhq/seaworthy/internal/tui"
)

func (a *app) resume() *cobra.Command {
	return &cobra.Command{
		Use: "resume", Short: "Free an environment that a rollback holds", Example: "  seaworthy resume", Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			client, env, err := a.reachTarget(cmd.Context())
			if err == nil {
				err = a.know(cmd.Context(), client, env)
			}
			if err != nil {
				return err
			}
			was, err := client.Resume(cmd.Context(), api.ServicesRequest{Environment: env, Actor: actor()})
			if err != nil {
				return err
			}
			return a.result(was, func(out tui.Output) error {
				text := "was not held"
				if was.Held != "" {
					text = "is no longer held: it was " + tui.Clean(was.Held)
				}
				return out.Println(env.String() + " " + text)
			})
		},
	}
}
