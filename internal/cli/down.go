package cli

import (
	"context"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/seaworthyhq/seaworthy/internal/api"
	"github.com/seaworthyhq/seaworthy/internal/event"
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
			return a.takeDown(cmd.Context(), api.ServicesRequest{Actor: actor(), Volumes: volumes, PlanOnly: plan})
		},
	}
	cmd.Flags().BoolVar(&volumes, "volumes", false, "remove the volumes too")
	planFlag(cmd, &plan)
	return cmd
}

func (a *app) takeDown(ctx context.Context, req api.ServicesRequest) error {
	client, env, err := a.reachTarget(ctx)
	if err == nil {
		err = a.know(ctx, client, env)
	}
	if err != nil {
		return err
	}
	req.Environment = env
	if req.Volumes && !req.PlanOnly {
		if err := a.confirmDown(ctx, client, req); err != nil {
			return err
		}
	}
	return a.change(ctx, env, req.PlanOnly, func(sink event.Sink) error { return client.Down(ctx, req, sink) })
}

// confirmDown asks whether the volumes may go, if there are any: after it has been shown what happens.
func (a *app) confirmDown(ctx context.Context, c *api.Client, req api.ServicesRequest) error {
	volumes, err := c.Volumes(ctx, req.Environment)
	if err != nil || len(volumes) == 0 || a.yes {
		return err
	}
	if tui.IsTerminal(a.in) && !a.json {
		req.PlanOnly = true
		if err := a.render(ctx, func(sink event.Sink) error { return c.Down(ctx, req, sink) }); err != nil {
			return err
		}
	}
	var sizes []string
	for _, v := range volumes {
		sizes = append(sizes, fmt.Sprintf("%s (%s)", v.Name, tui.Bytes(v.Bytes)))
	}
	question := fmt.Sprintf("Take %s down, and remove its volumes and all data in them: %s?", req.Environment, strings.Join(sizes, ", "))
	return tui.Confirm(ctx, a.in, a.err, question, a.yes)
}
