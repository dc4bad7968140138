package cli

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/seaworthyhq/seaworthy/internal/api"
	"github.com/seaworthyhq/seaworthy/internal/phrase"
	"github.com/seaworthyhq/seaworthy/internal/release"
	"github.com/seaworthyhq/seaworthy/internal/tui"
)

func (a *app) ledger() *cobra.Command {
	var limit int
	var verify bool
	cmd := &cobra.Command{
		Use:   "ledger",
		Short: "The record of everything that was done on this engine, each entry chained to the one before",
		Long: lines(
			"Lists what the engine has recorded, the last entry first: releases, builds that failed, deployments with their actor, cause,",
			"plan and result, holds, and what was collected. It is one chain for the whole engine; -e shows the entries about one environment.",
			"",
			"--verify reads the whole chain and says where an entry was changed, removed, or put in between. Who can write the",
			"engine's files could write a new chain: keep the head that it prints, and compare."),
		Example: lines(
			"  seaworthy ledger -n 5",
			"  seaworthy ledger -e hrefcounter/production --json",
			"  seaworthy ledger --verify"),
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			var env release.Environment // without -e: of all
			if a.environment != "" {
				var err error
				if env, err = a.targetEnvironment(); err != nil {
					return err
				}
			}
			client, err := a.reach(cmd.Context())
			if err != nil {
				return err
			}
			if verify {
				state, err := client.VerifyLedger(cmd.Context())
				return errors.Join(err, a.verified(state))
			}
			found, err := client.Ledger(cmd.Context(), env, limit)
			if err == nil && len(found) == 0 {
				err = a.know(cmd.Context(), client, env)
			}
			if err != nil {
				return err
			}
			return a.result(found, func(out tui.Output) error { return writeLedger(out, found, time.Now()) })
		},
	}
	countFlag(cmd.Flags(), &limit, "limit", 20, "how many; 0: all")
	cmd.Flags().BoolVar(&verify, "verify", false, "recompute the whole chain")
	return cmd
}

// verified says whether the chain holds; a broken one is an error.
func (a *app) verified(s api.LedgerState) error {
	err := a.result(s, func(out tui.Output) error {
		if s.Broken != nil {
			return nil
		}
		return out.Printf("%s %s, each follows from the one before\n  head %s\n", out.Paint(tui.Good, "✓"), entries(s.Entries), s.Head)
	})
	if err != nil || s.Broken == nil {
		return err
	}
	return &release.UserError{
		Kind: release.KindInternal, Err: fmt.Errorf("the ledger is not as it was written: entry %d %s", s.Broken.Sequence, s.Broken.Reason),
		Detail: entries(s.Entries) + " before it, each follows from the one before",
		Hint:   "somebody has written to the engine's state.db; a backup of it has the entries as they were",
	}
}

func entries(n uint64) string {
	if n == 1 {
		return "1 entry"
	}
	return fmt.Sprintf("%d entries", n)
}

func writeLedger(out tui.Output, found []api.LedgerEntry, now time.Time) error {
	if len(found) == 0 {
		return out.Println("nothing is recorded yet")
	}
	table := tui.NewTable("entry", "what", "about", "by", "when", "hash").Spare("hash", "by").Whole("entry", "about")
	for _, e := range found {
		what, about, tone := described(e)
		table.Add(tui.Text(fmt.Sprint(e.Sequence)), tone.Cell(what), tui.Text(about), tui.Text(e.Actor), tui.Text(tui.Ago(e.Time, now)),
			tui.Dim.Cell(e.Hash.Short()))
	}
	return table.Write(out)
}

// described is an entry for people. An entry of a kind that this CLI does not know is shown as it is.
func described(e api.LedgerEntry) (what, about string, tone tui.Tone) {
	about = e.Subject
	switch e.Kind {
	case "release":
		var o release.Origin
		_ = json.Unmarshal(e.Data, &o) // without it the entry says less
		return "release made", joinWords(release.ID(e.Subject).Short(), originOf(o)), tui.Normal
	case "deployment-started", "deployment-ended":
		var d release.Deployment
		if json.Unmarshal(e.Data, &d) != nil {
			break
		}
		about = fmt.Sprintf("%s#%d: %s of %s", d.Environment, d.Number, d.Cause, d.Release.Short())
		if e.Kind == "deployment-started" {
			return "started", about, tui.Normal
		}
		return string(d.Result), about, toneOf(d.Result)
	case "deployment-given-up":
		project, _, _ := strings.Cut(e.Environment, "/")
		return "given up", project + "/" + e.Subject, tui.Warning
	case "restarted":
		var r struct {
			Services []string `json:"services"`
			Error    string   `json:"error"`
		}
		if json.Unmarshal(e.Data, &r) != nil {
			break
		}
		about = e.Environment + ": " + strings.Join(r.Services, " ")
		if r.Error != "" {
			return "restart failed", about, tui.Bad
		}
		return "restarted", about, tui.Normal
	case "build-failed":
		if failed := failedIn(e); failed != "" {
			about += ": " + failed
		}
		return "build failed", about, tui.Bad
	case "collected":
		var ids []release.ID
		if json.Unmarshal(e.Data, &ids) == nil {
			about = phrase.Count(len(ids), "release")
		}
	case "volumes-removed":
		if names, _ := volumesIn(e); len(names) > 0 {
			return "volumes removed", e.Environment + ": " + strings.Join(names, " "), tui.Warning
		}
	case "volume-imported":
		if names, replaced := volumesIn(e); replaced {
			return "volume replaced", e.Environment + ": " + strings.Join(names, " "), tui.Warning
		} else if len(names) > 0 {
			return "volume imported", e.Environment + ": " + strings.Join(names, " "), tui.Normal
		}
	}
	return e.Kind, about, tui.Normal
}

// failedIn are the steps of a build that failed, with the sums of their tests.
func failedIn(e api.LedgerEntry) string {
	var build struct {
		Steps []struct {
			Key   string        `json:"key"`
			Tests release.Tests `json:"tests"`
		} `json:"steps"`
	}
	_ = json.Unmarshal(e.Data, &build) // without it the entry says less
	var all []string
	for _, s := range build.Steps {
		text := strings.TrimPrefix(s.Key, "stage:")
		if s.Tests.Failed > 0 {
			text += fmt.Sprintf(" (%d of %s failed)", s.Tests.Failed, phrase.Count(s.Tests.Total, "test"))
		}
		all = append(all, text)
	}
	return strings.Join(all, ", ")
}

// volumesIn are the volumes that an entry is about, and whether data in them was replaced.
func volumesIn(e api.LedgerEntry) (names []string, replaced bool) {
	var v struct {
		Names    []string `json:"names"`
		Replaced bool     `json:"replaced"`
	}
	_ = json.Unmarshal(e.Data, &v) // without it the entry is shown as it is
	return v.Names, v.Replaced
}
