package cli

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/seaworthyhq/seaworthy/internal/api"
	"github.com/seaworthyhq/seaworthy/internal/tui"
)

func (a *app) gc() *cobra.Command {
	var req api.GCRequest
	cmd := &cobra.Command{
		Use: "gc", Short: "Collect what nothing needs, and say how much", Example: "  seaworthy gc", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			client, err := a.connect(cmd.Context())
			if err != nil {
				return err
			}
			req.Actor = actor()
			done, err := client.GC(cmd.Context(), req)
			if err != nil {
				return err
			}
			return a.result(done, func(out tui.Output) error {
				_, err := fmt.Fprintf(out, "removed %d releases and %d image names, %s of build cache; %s freed\n",
					len(done.Releases), done.Images, tui.Bytes(done.BuildCache), tui.Bytes(done.Freed))
				return err
			})
		},
	}
	cmd.Flags().IntVar(&req.Keep, "keep", 0, "releases of each environment that can be rolled back to; 0: the engine's setting")
	cmd.Flags().BoolVar(&req.All, "all", false, "the whole build cache too")
	return cmd
}
