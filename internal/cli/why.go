package cli

import (
	"context"
	"errors"
	"slices"
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
				return writeWhy(out, found, time.Now())
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
		case s.Run == nil:
		case s.Run.Empty:
			ran = tui.Dim.Cell(tui.NothingToRun)
		default:
			ran, took, result = tui.Text(tui.Ago(s.Run.Started, now)), tui.Duration(s.Run.Took()), toneOfStep(s.Run.State).Cell(s.Run.State)
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

// writeWhy explains the first of the stages, and below it those that made it run.
func writeWhy(out tui.Output, found []api.StepInfo, now time.Time) error {
	w := whyWriter{Output: out, found: found, now: now, seen: map[string]bool{}}
	w.write(found[0], "", time.Time{})
	return w.err
}

type whyWriter struct {
	tui.Output
	found []api.StepInfo
	now   time.Time
	seen  map[string]bool // steps by key
	err   error
}

func (w *whyWriter) line(indent, text string) {
	if w.err == nil {
		w.err = w.Println(indent + text)
	}
}

// write explains a stage as of the moment at which it made another one run; zero: of now.
func (w *whyWriter) write(s api.StepInfo, indent string, asOf time.Time) {
	name := w.Paint(tui.Strong, tui.Clean(s.Name))
	inside := indent + "  "
	switch {
	case w.seen[s.Key]:
		w.line(indent, name+w.Paint(tui.Dim, " as above"))
		return
	case s.Skipped != "":
		w.seen[s.Key] = true
		w.line(indent, name+" is not built: "+tui.Clean(s.Skipped))
		return
	case s.Run != nil && s.Run.Empty:
		w.empty(*s.Run, indent, asOf)
		return
	case s.Run == nil:
		w.line(indent, name+" came from cache; that it ran is not recorded")
	case !asOf.IsZero() && s.Run.Started.After(asOf):
		w.line(indent, name+" has run again since, "+tui.Ago(s.Run.Started, w.now)+"; why it ran then is no longer recorded")
		return
	default:
		w.line(indent, name+" ran "+tui.Ago(s.Run.Started, w.now)+", in "+tui.Duration(s.Run.Took())+": "+
			w.Paint(toneOfStep(s.Run.State), s.Run.State))
	}
	w.seen[s.Key] = true
	if s.Run != nil {
		w.because(*s.Run, inside)
		w.outcome(*s.Run, inside)
	}
	if !s.Cached.IsZero() && indent == "" {
		w.line(inside, w.Paint(tui.Dim, "from cache last "+tui.Ago(s.Cached, w.now)))
	}
}

func (w *whyWriter) because(run release.StepRun, indent string) {
	if len(run.Because) == 0 {
		w.line(indent, w.Paint(tui.Dim, "why is not recorded"))
	}
	for _, r := range run.Because {
		w.line(indent, tui.Clean(r.Text))
		if r.Kind.OfStage() {
			w.each(w.named(r.Names), indent+"  ", run.Ended)
		}
	}
}

// empty explains a stage for which nothing is made by what it is FROM.
func (w *whyWriter) empty(run release.StepRun, indent string, asOf time.Time) {
	w.seen[run.Key] = true
	from := w.named(run.After)
	text := w.Paint(tui.Strong, tui.Clean(run.Name)) + " runs nothing"
	for _, s := range from {
		text += ": it is what " + tui.Clean(s.Name) + " is"
	}
	w.line(indent, text)
	w.each(from, indent+"  ", asOf)
}

// named are those of the stages that have one of the keys.
func (w *whyWriter) named(keys []string) (all []api.StepInfo) {
	for _, key := range keys {
		if i := slices.IndexFunc(w.found, func(s api.StepInfo) bool { return s.Key == key }); i >= 0 {
			all = append(all, w.found[i])
		}
	}
	return all
}

func (w *whyWriter) each(all []api.StepInfo, indent string, asOf time.Time) {
	for _, s := range all {
		w.write(s, indent, asOf)
	}
}

// outcome says what a check found and how a step failed.
func (w *whyWriter) outcome(run release.StepRun, indent string) {
	if run.Tests.Total > 0 {
		w.line(indent, w.Paint(tui.Dim, tui.TestsText(run.Tests, run.Failures)))
	}
	if run.Error != "" {
		w.line(indent, tui.Clean(run.Error))
	}
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
