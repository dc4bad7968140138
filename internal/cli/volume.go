package cli

import (
	"context"
	"errors"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/seaworthyhq/seaworthy/internal/api"
	"github.com/seaworthyhq/seaworthy/internal/release"
	"github.com/seaworthyhq/seaworthy/internal/tui"
)

func (a *app) volume() *cobra.Command {
	cmd := &cobra.Command{Use: "volume", Short: "Volumes of an environment"}
	a.addPlain(cmd,
		a.onVolumes("list", "List them", cobra.NoArgs, func(ctx context.Context, c *api.Client, env release.Environment, _ []string) error {
			found, err := c.Volumes(ctx, env)
			if err != nil {
				return err
			}
			return a.result(found, func(out tui.Output) error {
				table := tui.NewTable("volume", "size", "used by")
				for _, v := range found {
					table.Add(tui.Text(v.Name), tui.Text(tui.Bytes(v.Bytes)), tui.Text(strings.Join(v.UsedBy, " ")))
				}
				return table.Write(out)
			})
		}),
		a.onVolumes("export NAME", "Write one as a tar archive to standard output", cobra.ExactArgs(1), func(ctx context.Context, c *api.Client, env release.Environment, args []string) error {
			return c.ExportVolume(ctx, env, args[0], a.out)
		}),
		a.onVolumes("import NAME [FILE]", "Fill one from a tar archive, or from standard input", cobra.RangeArgs(1, 2), func(ctx context.Context, c *api.Client, env release.Environment, args []string) error {
			if len(args) == 1 && tui.IsTerminal(a.in) {
				return &release.UserError{Kind: release.KindUsage, Err: errors.New("no archive given"), Hint: "seaworthy volume import " + args[0] + " FILE.tar"}
			}
			in := io.Reader(a.in)
			if len(args) == 2 {
				f, err := os.Open(args[1])
				if err != nil {
					return &release.UserError{Kind: release.KindUsage, Err: err}
				}
				defer f.Close()
				in = f
			}
			return c.ImportVolume(ctx, env, args[0], in)
		}),
		a.onVolumes("remove NAME", "Remove one that no service uses", cobra.ExactArgs(1), func(ctx context.Context, c *api.Client, env release.Environment, args []string) error {
			if err := tui.Confirm(ctx, a.in, a.err, "Remove "+args[0]+" and all data in it?", a.yes); err != nil {
				return err
			}
			return c.RemoveVolume(ctx, env, args[0])
		}))
	return cmd
}

func (a *app) onVolumes(use, short string, check cobra.PositionalArgs, run func(context.Context, *api.Client, release.Environment, []string) error) *cobra.Command {
	return &cobra.Command{
		Use: use, Short: short, Args: check, Example: "  seaworthy volume " + use,
		RunE: func(cmd *cobra.Command, args []string) error {
			env, err := a.targetEnvironment()
			if err != nil {
				return err
			}
			client, err := a.connect(cmd.Context())
			if err != nil {
				return err
			}
			return run(cmd.Context(), client, env, args)
		},
	}
}
