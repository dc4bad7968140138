package cli

import (
	"github.com/spf13/cobra"

	"github.com/seaworthyhq/seaworthy/internal/api"
	"github.com/seaworthyhq/seaworthy/internal/tui"
)

func (a *app) exec() *cobra.Command {
	return &cobra.Command{
		Use: "exec SERVICE -- CMD...", Short: "Run a command in a replica that serves",
		Example: "  seaworthy exec web -- /hrefcounter -healthcheck", Args: cobra.MinimumNArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			env, err := a.targetEnvironment()
			if err != nil {
				return err
			}
			client, err := a.connect(cmd.Context())
			if err != nil {
				return err
			}
			user := api.ExecIO{Stdout: a.out, Stderr: a.err}
			if !tui.IsTerminal(a.in) {
				user.Stdin = a.in
			}
			code, err := client.Exec(cmd.Context(), api.ExecRequest{
				Environment: env, Service: args[0], Args: args[1:], Actor: actor(), Stdin: user.Stdin != nil,
			}, user)
			if err == nil && code != 0 {
				err = exitError{code}
			}
			return err
		},
	}
}
