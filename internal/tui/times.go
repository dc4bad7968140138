package tui

import (
	"time"

	"github.com/seaworthyhq/seaworthy/internal/event"
	"github.com/seaworthyhq/seaworthy/internal/release"
)

// WriteTimes writes the steps of a pipeline with their times, why they ran and what they found, and what the end waited for. Of very
// many, only some are written unless all are asked for.
func WriteTimes(out Output, times release.Times, all bool) error {
	steps, rest := times.Steps, ""
	if !all {
		steps, rest = pickedRuns(times)
	}
	table := timesTable(times, steps)
	fitTimeline(table, out.Width)
	if err := table.Write(out); err != nil {
		return err
	}
	lines := []string{PathLine(times, all)}
	if allAreFirst(reasonsOfRuns(times.Steps)) {
		lines = append([]string{out.Paint(Dim, allFirst)}, lines...)
	}
	if rest != "" {
		lines = append([]string{out.Paint(Dim, rest+": --verbose shows all")}, lines...)
	}
	for _, line := range lines {
		if line == "" {
			continue
		}
		if err := out.Println(line); err != nil {
			return err
		}
	}
	return nil
}

// NothingToRun is said of a stage for which nothing has to be made, instead of how it ended.
const NothingToRun = "nothing to run"

// timesTable is a row for each of some steps.
func timesTable(times release.Times, steps []release.StepRun) *Table {
	s := scaleOf(times)
	heads := []string{"step", "role", "state"}
	if !s.from.IsZero() {
		heads = append(heads, "began", "waited", "took", "fetched", "timeline")
	}
	table := NewTable(heads...).Spare("timeline", "fetched", "waited", "role").Whole("took").
		Explain("timeline", "━ on the critical path, ─ beside it, · nothing is done")
	once := allAreFirst(reasonsOfRuns(times.Steps))
	for _, run := range steps {
		row := []Cell{Text(run.Name), Text(run.Role), glyphs[event.State(run.State)].tone.Cell(run.State)}
		if run.Empty {
			row[2] = glyphs[event.Cached].tone.Cell(NothingToRun)
		}
		if !run.Started.IsZero() {
			row = append(row, Text(s.since(run.Started)), Text(waited(run)), Text(Duration(run.Took())), Text(fetched(run)),
				s.bar(run, times.Path))
		}
		table.Add(row...)
		for _, r := range run.Because {
			if !once { // else it is said below, of all
				table.Note(r.Text)
			}
		}
		if run.Tests != (release.Tests{}) {
			table.Note(testsText(run.Tests))
		}
	}
	return table
}

// pickedRuns are those of very many steps that are shown, and what is to be said of the rest.
func pickedRuns(times release.Times) (shown []release.StepRun, rest string) {
	merits := make([]merit, len(times.Steps))
	for i, run := range times.Steps {
		merits[i] = merit{
			must:  run.State == string(event.Failed),
			own:   ownReason(run.Because),
			tests: run.Tests.Total > 0,
			path:  onPath(times, run.Key),
			took:  run.Took(),
		}
	}
	chosen := pick(merits)
	for i, run := range times.Steps {
		if chosen[i] {
			shown = append(shown, run)
		}
	}
	return shown, unpicked(merits, chosen)
}

func reasonsOfRuns(runs []release.StepRun) [][]release.Reason {
	all := make([][]release.Reason, len(runs))
	for i, run := range runs {
		all[i] = run.Because
	}
	return all
}

func waited(run release.StepRun) string {
	if run.Waited < time.Millisecond {
		return ""
	}
	return Duration(run.Waited)
}

func fetched(run release.StepRun) string {
	if run.Bytes == 0 {
		return ""
	}
	return Bytes(run.Bytes)
}
