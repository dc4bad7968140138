package cli

import (
	"time"

	"github.com/spf13/cobra"

	"github.com/seaworthyhq/seaworthy/internal/api"
	"github.com/seaworthyhq/seaworthy/internal/release"
	"github.com/seaworthyhq/seaworthy/internal/tui"
)

func (a *app) history() *cobra.Command {
	var limit int
	cmd := &cobra.Command{
		Use:     "history",
		Short:   "The deployments of an environment, the last one first: why, by whom, how long, with what result",
		Example: lines("  seaworthy history", "  seaworthy history -e production -n 5"),
		Args:    noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			client, env, err := a.reachTarget(cmd.Context())
			if err != nil {
				return err
			}
			found, err := client.History(cmd.Context(), env, limit)
			if err == nil && len(found) == 0 {
				err = a.know(cmd.Context(), client, env)
			}
			if err != nil {
				return err
			}
			return a.result(found, func(out tui.Output) error { return writeHistory(out, env, found, time.Now()) })
		},
	}
	countFlag(cmd.Flags(), &limit, "limit", 20, "how many; 0: all")
	return cmd
}

func writeHistory(out tui.Output, env release.Environment, found []api.HistoryEntry, now time.Time) error {
	if len(found) == 0 {
		return out.Printf("%s: no deployments yet\n", env)
	}
	table := tui.NewTable("deployment", "release", "why", "result", "took", "when", "by", "from").
		Spare("from", "took", "by").Whole("deployment", "release", "result")
	for _, d := range found {
		took := ""
		if !d.Ended.IsZero() {
			took = tui.Duration(d.Ended.Sub(d.Started))
		}
		table.Add(tui.Text(d.Name()), releaseOf(d), tui.Text(string(d.Cause)),
			toneOf(d.Result).Cell(string(d.Result)), tui.Text(took),
			tui.Text(tui.Ago(d.Started, now)), tui.Text(d.Actor), tui.Text(originOf(d.Origin)))
		if d.Error != "" {
			table.Note(d.Error)
		}
	}
	return table.Write(out)
}

// releaseOf is what can be gone back to, or that it cannot.
func releaseOf(d api.HistoryEntry) tui.Cell {
	if d.Collected {
		return tui.Dim.Cell(d.Release.Short() + " (collected)")
	}
	return tui.Text(d.Release.Short())
}

func toneOf(r release.Result) tui.Tone {
	switch r {
	case release.Succeeded:
		return tui.Good
	case release.Failed:
		return tui.Bad
	case release.RolledBack, release.Cancelled:
		return tui.Warning
	}
	return tui.Dim
}
