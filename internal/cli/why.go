package cli

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/seaworthyhq/seaworthy/internal/api"
	"github.com/seaworthyhq/seaworthy/internal/release"
	"github.com/seaworthyhq/seaworthy/internal/tui"
)

func (a *app) why() *cobra.Command {
	return &cobra.Command{
		Use:   "why [STAGE]",
		Short: "Why a stage ran when it was built last, instead of coming from cache, back to where that began",
		Example: lines(
			"  seaworthy why                  # all stages, the one that ran last first",
			"  seaworthy why test",
			"  seaworthy why -e shop/staging builder"),
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) == 1 && strings.TrimSpace(args[0]) == "" { // of a variable that is not set
				return &release.UserError{
					Kind: release.KindUsage, Err: errors.New("the name of the stage is empty"), Hint: cmd.CommandPath() + " without a name lists all stages",
				}
			}
			return arguments(0, 1)(cmd, args)
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			client, env, err := a.reachTarget(cmd.Context())
			if err != nil {
				return err
			}
			found, err := client.Steps(cmd.Context(), env, strings.Join(args, ""))
			if err != nil {
				return err
			}
			return a.result(found, func(out tui.Output) error {
				if len(args) == 0 {
					return writeSteps(out, env, found, time.Now())
				}
				return writeWhy(out, found, time.Now(), a.verbose)
			})
		},
	}
}

// writeSteps lists what is recorded of each stage.
func writeSteps(out tui.Output, env release.Environment, found []api.StepInfo, now time.Time) error {
	if len(found) == 0 {
		return out.Println(tui.Clean(env.Project) + ": no build is recorded yet")
	}
	table := tui.NewTable("stage", "ran", "took", "result", "from cache", "why it ran").Below("why it ran").Whole("stage", "ran")
	for _, s := range found {
		ran, took, result, why, cached := tui.Dim.Cell("not recorded"), "", tui.Text(""), "", ""
		switch {
		case s.Skipped != "":
			ran, why = tui.Dim.Cell("skipped"), s.Skipped
		case s.Missed != "" && s.Run == nil:
			ran, why = tui.Dim.Cell("not come to"), s.Missed
		case s.Run == nil:
		case s.Run.Empty:
			ran = tui.Dim.Cell(tui.NothingToRun)
		default:
			ran, took, result = tui.Text(tui.Ago(s.Run.Started, now)), tui.Duration(s.Run.Took()), toneOfStep(s.Run.State).Cell(s.Run.State)
			if s.Missed != "" {
				result = tui.Dim.Cell("not come to; " + s.Run.State + " before")
			} else if cachedSince(s) {
				result = tui.Dim.Cell("cached; " + s.Run.State + " before")
			}
			if len(s.Run.Because) > 0 {
				why = s.Run.Because[0].Text
			}
		}
		if !s.Cached.IsZero() {
			cached = tui.Ago(s.Cached, now)
		}
		table.Add(tui.Text(s.Name), ran, tui.Text(took), result, tui.Text(cached), tui.Text(why))
	}
	return table.Write(out)
}

func toneOfStep(state string) tui.Tone {
	switch state {
	case "done":
		return tui.Good
	case "failed":
		return tui.Bad
	case "stopped":
		return tui.Warning
	}
	return tui.Dim
}

// stageNames are the stages of which builds are recorded.
func stageNames(ctx context.Context, c *api.Client, env release.Environment) []string {
	all, _ := c.Steps(ctx, env, "") // no engine: nothing to offer
	var names []string
	for _, s := range all {
		names = append(names, s.Name)
	}
	return names
}
