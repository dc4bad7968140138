package tui

import (
	"slices"
	"strings"
	"time"

	"github.com/seaworthyhq/seaworthy/internal/release"
)

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

// leastBar is how many columns a timeline takes at least: of fewer nothing is to be seen.
const leastBar = 12

// fitTimeline makes the last column of a table, that of the timelines, as narrow as there is room for beside the others.
func fitTimeline(t *Table, width int) {
	if width <= 0 || len(t.header) == 0 {
		return
	}
	last := len(t.header) - 1
	header := make([]Cell, len(t.header))
	for i, h := range t.header {
		header[i] = Text(h)
	}
	room := width - total(naturalWidths(append([][]Cell{header}, t.rows...))[:last]) - columnGap
	if room >= barWidth || room < leastBar {
		return
	}
	for _, row := range t.rows {
		if last < len(row) {
			row[last].Text = squeeze(row[last].Text, room)
		}
	}
}

// squeeze draws a timeline in so many columns for what barWidth columns were: of what falls into one, the mark that matters most.
func squeeze(bar string, columns int) string {
	marks := []rune(bar)
	var b strings.Builder
	for at := 0; at*barWidth < len(marks)*columns; at++ {
		from, to := at*barWidth/columns, (at+1)*barWidth/columns
		b.WriteRune(strongest(marks[from:min(max(to, from+1), len(marks))]))
	}
	return b.String()
}

// strongest is the mark of which is first in the order of what they mean.
func strongest(marks []rune) rune {
	for _, mark := range "━─" {
		if strings.ContainsRune(string(marks), mark) {
			return mark
		}
	}
	return '·'
}
