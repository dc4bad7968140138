package cli

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/seaworthyhq/seaworthy/internal/api"
	"github.com/seaworthyhq/seaworthy/internal/event"
	"github.com/seaworthyhq/seaworthy/internal/release"
)

func (a *app) scale() *cobra.Command {
	var plan bool
	cmd := &cobra.Command{
		Use: "scale SERVICE=N...", Short: "Set replica counts; they stay until the file says otherwise",
		Example: "  seaworthy scale web=4", Args: arguments(1, -1),
		RunE: func(cmd *cobra.Command, args []string) error {
			counts := map[string]int{}
			for _, arg := range args {
				name, text, _ := strings.Cut(arg, "=")
				n, err := strconv.Atoi(text)
				if err != nil || n < 0 || name == "" {
					return usage(cmd, fmt.Errorf("%q is not of the form SERVICE=N", arg))
				}
				counts[name] = n
			}
			return a.onTarget(cmd.Context(), plan, func(c *api.Client, env release.Environment, sink event.Sink) error {
				return c.Scale(cmd.Context(), api.ScaleRequest{Environment: env, Replicas: counts, Actor: actor(), PlanOnly: plan}, sink)
			})
		},
	}
	planFlag(cmd, &plan)
	return cmd
}
