package cli

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/mattn/go-shellwords"
	"github.com/spf13/cobra"

	"github.com/seaworthyhq/seaworthy/internal/api"
	"github.com/seaworthyhq/seaworthy/internal/project"
	"github.com/seaworthyhq/seaworthy/internal/release"
)

func (a *app) run() *cobra.Command {
	var flags commandFlags
	var entrypoint string
	cmd := &cobra.Command{
		Use:   "run SERVICE [--] [CMD...]",
		Short: "Run a command in a replica of its own, beside what serves",
		Long: lines(
			"Makes a replica of the service as it serves (image, environment, mounts, secrets, networks, limits), runs the command in",
			"it instead of the service's, and removes it. It takes no traffic, is not restarted, and sees the others by their names.",
			"Its exit code is the verb's.",
			"",
			"An init stands before the command, so that Ctrl-C ends it, unless its entrypoint is one itself. The third Ctrl-C that it",
			"ignores ends it, as does the end of this process."),
		Example: "  seaworthy run web -- ./manage migrate\n" +
			"  seaworthy run --entrypoint sh web\n" +
			"  seaworthy run --env-var DEBUG=1 db -- psql -h db app < fix.sql",
		Args: arguments(1, -1),
		RunE: func(cmd *cobra.Command, args []string) error {
			service, command, err := splitCommand(cmd, args)
			if err != nil {
				return err
			}
			env, err := a.targetEnvironment()
			if err != nil {
				return err
			}
			req := flags.request(env, service, command)
			req.OneOff = true
			if cmd.Flags().Changed("entrypoint") {
				words, err := shellwords.Parse(entrypoint)
				if err != nil {
					return usage(cmd, fmt.Errorf("--entrypoint %q: %w", entrypoint, err))
				}
				req.Entrypoint = append([]string{}, words...)
			}
			return a.behindProfile(cmd.Context(), req, a.attach(cmd.Context(), req, flags.noTTY))
		},
	}
	flags.addTo(cmd)
	cmd.Flags().StringVar(&entrypoint, "entrypoint", "", "replace the entrypoint, and the service's command with it; may be empty")
	return cmd
}

// behindProfile has the error about a service that is not there say so where the checkout has it behind a profile. Compose would
// start it for run alone; here a release holds what was chosen when it was made.
func (a *app) behindProfile(ctx context.Context, req api.ExecRequest, err error) error {
	user, ok := errors.AsType[*release.UserError](err)
	if !ok || user.Kind != release.KindNotFound {
		return err
	}
	const all = "*"
	p, failed := a.load(ctx, []string{all})
	if failed == nil && p.Name == req.Environment.Project && slices.ContainsFunc(p.Environment.Services, func(s project.Service) bool { return s.Name == req.Service }) {
		user.Hint = req.Service + " may be behind a profile: " + req.Environment.Command("up --profile NAME") + " has it in the release"
	}
	return err
}
