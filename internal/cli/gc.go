package cli

import (
	"github.com/spf13/cobra"

	"github.com/seaworthyhq/seaworthy/internal/api"
	"github.com/seaworthyhq/seaworthy/internal/phrase"
	"github.com/seaworthyhq/seaworthy/internal/tui"
)

func (a *app) gc() *cobra.Command {
	var req api.GCRequest
	cmd := &cobra.Command{
		Use: "gc", Short: "Collect what nothing needs, and say how much",
		Long: lines(
			"Forgets releases beyond those that can be rolled back to, with their images, and build cache that was not used for",
			"a week. Releases are collected after each deployment too, and the build cache keeps itself within a limit."),
		Example: "  seaworthy gc\n  seaworthy gc --all --keep 1", Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			client, err := a.reach(cmd.Context())
			if err != nil {
				return err
			}
			req.Actor = actor()
			var done api.GCResult
			err = tui.Busy(a.err, "collecting what nothing needs", func() (err error) {
				done, err = client.GC(cmd.Context(), req)
				return err
			})
			if err != nil {
				return err
			}
			return a.result(done, func(out tui.Output) error {
				return out.Printf("removed %s and %s, %s of build cache; %s freed\n",
					phrase.Count(len(done.Releases), "release"), phrase.Count(done.Images, "image name"), tui.Bytes(done.BuildCache), tui.Bytes(done.Freed))
			})
		},
	}
	cmd.Flags().IntVar(&req.Keep, "keep", 0, "releases of each environment that can be rolled back to; 0: the engine's setting")
	cmd.Flags().BoolVar(&req.All, "all", false, "the whole build cache too, which makes the next build slow")
	return cmd
}
