package cli

import (
	"errors"

	"github.com/spf13/cobra"
)

func (a *app) exec() *cobra.Command {
	var flags commandFlags
	var index int
	cmd := &cobra.Command{
		Use:   "exec SERVICE [--] CMD...",
		Short: "Run a command in a replica that serves",
		Long: lines(
			"Runs a command in a replica that serves, beside its own process. Its exit code is the verb's; 126 and 127 say, as in a",
			"shell, that it cannot be run or is not there. On a terminal it gets one; what is piped in becomes its input.",
			"Ctrl-C reaches the command. The third one that it ignores ends it, as does the end of this process."),
		Example: "  seaworthy exec web -- /hrefcounter -healthcheck\n" +
			"  seaworthy exec --index 2 -u root web sh\n" +
			"  seaworthy exec db -- pg_dump app > app.sql",
		Args: arguments(1, -1),
		RunE: func(cmd *cobra.Command, args []string) error {
			service, command, err := splitCommand(cmd, args)
			if err != nil {
				return err
			}
			if len(command) == 0 {
				return usage(cmd, errors.New("there is no command"))
			}
			env, err := a.targetEnvironment()
			if err != nil {
				return err
			}
			req := flags.request(env, service, command)
			req.Index = index
			return a.attach(cmd.Context(), req, flags.noTTY)
		},
	}
	flags.addTo(cmd)
	cmd.Flags().IntVar(&index, "index", 0, "number of the replica; without it the first that is well")
	return cmd
}
