package cli

import (
	"context"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/seaworthyhq/seaworthy/internal/api"
	"github.com/seaworthyhq/seaworthy/internal/event"
	"github.com/seaworthyhq/seaworthy/internal/release"
	"github.com/seaworthyhq/seaworthy/internal/tui"
)

func (a *app) logs() *cobra.Command {
	var req api.LogsRequest
	var since string
	var tail int
	var show tui.LogOptions
	cmd := &cobra.Command{
		Use:   "logs [SERVICE...]",
		Short: "What replicas wrote",
		Long: lines(
			"Prints what the replicas of services wrote, in order of time, and how those ended that did.",
			"With --previous also what removed ones wrote; behind each name stands then which deployment started it: web-1#3.",
			"With -f it goes on, across updates: replicas that come are followed too, those that go are read to their end. It ends when the",
			"environment is down, or with Ctrl-C (exit code 130)."),
		Example: "  seaworthy logs -f web\n  seaworthy logs --since 10m -t\n  seaworthy logs --previous -n 50 web     # why did it end?\n  seaworthy logs --deployment 3 web       # why did that fail?",
		RunE: func(cmd *cobra.Command, args []string) error {
			env, err := a.targetEnvironment()
			if err != nil {
				return err
			}
			req.Environment, req.Services, show.Generations = env, args, req.Previous
			if req.Since, err = sinceOf(since, time.Now()); err != nil {
				return usage(cmd, err)
			}
			if req.Tail = tail; tail == 0 && cmd.Flags().Changed("tail") { // nothing of what was
				req.Since = time.Now()
			}
			client, err := a.reach(cmd.Context())
			if err != nil {
				return err
			}
			return a.showLogs(cmd.Context(), client, req, show)
		},
	}
	f := cmd.Flags()
	f.BoolVarP(&req.Follow, "follow", "f", false, "go on as they write")
	f.StringVar(&since, "since", "", "only what is younger: `10m`, 2026-11-23, 2026-11-23T12:00:00Z")
	countFlag(f, &tail, "tail", 0, "only the last lines of each replica; 0, for -f: none of what was")
	f.BoolVar(&req.Previous, "previous", false, "also of replicas that were removed")
	f.IntVar(&req.Deployment, "deployment", 0, "only of replicas that the deployment with this `number` started, removed ones too")
	f.BoolVarP(&show.Timestamps, "timestamps", "t", false, "show when each line was written")
	f.BoolVar(&show.NoPrefix, "no-prefix", false, "print lines as they were written, without the replica's name")
	return cmd
}

func (a *app) showLogs(ctx context.Context, client *api.Client, req api.LogsRequest, show tui.LogOptions) error {
	var err error
	if a.json {
		err = a.render(ctx, func(sink event.Sink) error {
			if err := client.Logs(ctx, req, sink); ctx.Err() == nil { // its end is how -f is meant to end: nothing to explain
				return err
			}
			return nil
		})
	} else {
		out := tui.NewLogs(a.out, show)
		if err = client.Logs(ctx, req, out); err == nil {
			err = out.Err()
		}
	}
	if ctx.Err() != nil {
		return exitError{release.KindInterrupted.ExitCode()}
	}
	return err
}

// sinceOf reads a duration before now, or a time; of one without a zone the local one is meant.
func sinceOf(text string, now time.Time) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	if d, err := time.ParseDuration(text); err == nil {
		return now.Add(-d.Abs()), nil
	}
	for _, layout := range []string{time.RFC3339, "2006-01-02T15:04:05", "2006-01-02T15:04", time.DateTime, time.DateOnly} {
		if t, err := time.ParseInLocation(layout, text, now.Location()); err == nil {
			return t, nil
		}
	}
	return time.Time{}, fmt.Errorf("--since %q is neither a duration such as 10m nor a time such as %s", text, now.Format(time.RFC3339))
}
