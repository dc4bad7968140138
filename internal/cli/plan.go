package cli

import (
	"github.com/spf13/cobra"

	"github.com/seaworthyhq/seaworthy/internal/api"
)

func (a *app) plan() *cobra.Command {
	var o upOptions
	cmd := &cobra.Command{
		Use: "plan", Short: "What up would do, and why; changes nothing that runs",
		Example: "  seaworthy plan", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return a.make(cmd.Context(), api.GoalPlan, o) },
	}
	o.flags(cmd)
	return cmd
}
