package cli

import (
	"time"

	"github.com/spf13/cobra"

	"github.com/seaworthyhq/seaworthy/internal/api"
	"github.com/seaworthyhq/seaworthy/internal/event"
	"github.com/seaworthyhq/seaworthy/internal/tui"
)

func (a *app) logs() *cobra.Command {
	var req api.LogsRequest
	var since time.Duration
	var timestamps bool
	cmd := &cobra.Command{
		Use: "logs [SERVICE...]", Short: "What replicas wrote", Example: "  seaworthy logs -f web\n  seaworthy logs --since 10m",
		RunE: func(cmd *cobra.Command, args []string) error {
			env, err := a.targetEnvironment()
			if err != nil {
				return err
			}
			client, err := a.connect(cmd.Context())
			if err != nil {
				return err
			}
			req.Environment, req.Services = env, args
			if since > 0 {
				req.Since = time.Now().Add(-since)
			}
			if a.json {
				return a.render(func(sink event.Sink) error { return client.Logs(cmd.Context(), req, sink) })
			}
			out := tui.NewLogs(a.out, tui.LogOptions{Timestamps: timestamps})
			if err := client.Logs(cmd.Context(), req, out); err != nil {
				return err
			}
			return out.Err()
		},
	}
	f := cmd.Flags()
	f.BoolVarP(&req.Follow, "follow", "f", false, "go on as they write")
	f.DurationVar(&since, "since", 0, "only what is younger, such as 10m")
	f.IntVarP(&req.Tail, "tail", "n", 0, "only the last lines of each replica")
	f.BoolVar(&req.Previous, "previous", false, "also of replicas that were removed")
	f.BoolVarP(&timestamps, "timestamps", "t", false, "show when each line was written")
	return cmd
}
