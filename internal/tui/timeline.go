package tui

import "strings"

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
