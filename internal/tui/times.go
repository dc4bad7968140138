package tui

import (
	"slices"
	"strings"
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
	lines := []string{PathLine(times)}
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

// PathLine is the critical path in words: "critical path of 13.1 s: builder 12.3 s (line 7: RUN make) → web 0.8 s". It is empty
// where nothing had to be waited for.
func PathLine(times release.Times) string {
	names := map[string]string{}
	for _, run := range times.Steps {
		names[run.Key] = run.Name
	}
	var legs []string
	for _, l := range times.Path {
		if l.Took() < time.Millisecond {
			continue
		}
		name := Clean(names[l.Step])
		if name == "" {
			name = "the build"
		}
		legs = append(legs, name+" "+Duration(l.Took())+legNote(l))
	}
	if len(legs) == 0 {
		return ""
	}
	return "critical path of " + Duration(times.Took) + ": " + strings.Join(legs, " → ")
}

// legNote says what most of a leg is, and how much of it nothing was done in, where that counts.
func legNote(l release.Leg) string {
	var notes []string
	if what := cut(withoutOptions(oneLine(l.Text)), legText); l.Line > 0 {
		notes = append(notes, "line "+itoa(l.Line)+": "+what)
	} else if what != "" {
		notes = append(notes, what)
	}
	if l.Waited > l.Took()/10 && l.Waited > breath {
		notes = append(notes, "after "+Duration(l.Waited)+" in the queue")
	}
	if len(notes) == 0 {
		return ""
	}
	return " (" + strings.Join(notes, ", ") + ")"
}

// legText is how much of an instruction a leg shows.
const legText = 40

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

// barWidth is how many columns all of a pipeline has.
const barWidth = 30

// scale maps times to columns.
type scale struct{ from, to time.Time }

func scaleOf(times release.Times) scale {
	var s scale
	for _, run := range times.Steps {
		if run.Started.IsZero() {
			continue
		}
		if s.from.IsZero() || run.Started.Before(s.from) {
			s.from = run.Started
		}
		if run.Ended.After(s.to) {
			s.to = run.Ended
		}
	}
	return s
}

func (s scale) since(t time.Time) string {
	if d := t.Sub(s.from); d >= time.Millisecond {
		return "+" + Duration(d)
	}
	return "0"
}

// bar is when in all of the time a step was worked on, and when the end waited for it. What was worked on at all is seen.
func (s scale) bar(run release.StepRun, path []release.Leg) Cell {
	bar := slices.Repeat([]rune{'·'}, barWidth)
	end, tone := 0, Dim
	draw := func(mark rune, when release.Spell) {
		first := min(s.column(when.Started), barWidth-1)
		last := min(max(s.column(when.Ended), first+1), barWidth)
		for at := first; at < last; at++ {
			bar[at] = mark
		}
		end = max(end, last)
	}
	for _, w := range run.Worked {
		draw('─', w)
	}
	for _, l := range path {
		if l.Step == run.Key && l.Took() >= time.Millisecond {
			draw('━', l.Spell)
			tone = Strong
		}
	}
	return tone.Cell(string(bar[:end]))
}

func (s scale) column(t time.Time) int {
	all := s.to.Sub(s.from)
	if all <= 0 {
		return 0
	}
	return int((t.Sub(s.from)*barWidth + all/2) / all)
}
