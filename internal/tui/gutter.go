package tui

import (
	"slices"
	"strings"
)

// gutter is the graph as it stands to the left of rows, one row a step, drawn with lanes as git draws its history: what a
// step takes comes to it along lanes from above, and what takes from it follows below. Lanes with the same end are one.
type gutter struct {
	rows  []gutterRow
	width int // columns
}

// gutterRow is the gutter of one row. The step's glyph stands between before and after.
type gutterRow struct {
	before, after string
	below         string // beside what is written under the row
}

// list is the gutter of steps that are not drawn as a graph: their glyphs below each other.
func list(n int) gutter { return gutter{rows: make([]gutterRow, n), width: 1} }

// draw draws steps that stand in an order in which each follows what it takes from. It is false where that takes more than
// so many lanes.
func draw(steps []*step, lanes int) (gutter, bool) {
	p := pencil{takers: takersOf(steps)}
	rows := make([][]rune, len(steps))
	glyphs := make([]int, len(steps))
	below := make([]string, len(steps))
	for i := range steps {
		rows[i], glyphs[i] = p.row(i)
		below[i] = p.lines()
		if len(p.lanes) > lanes {
			return gutter{}, false
		}
	}
	g := gutter{width: max(1, 2*len(p.lanes)-1)}
	for i, row := range rows {
		g.rows = append(g.rows, gutterRow{
			before: string(row[:glyphs[i]]),
			after:  pad(strings.TrimRight(string(row[glyphs[i]+1:]), " "), g.width-glyphs[i]-1),
			below:  pad(below[i], g.width),
		})
	}
	return g, true
}

// ordered are steps so that each follows what it takes from, and else as they were.
func (v *view) ordered(steps []*step) []*step {
	in := map[*step]bool{}
	for _, s := range steps {
		in[s] = true
	}
	var out []*step
	var visit func(*step)
	visit = func(s *step) {
		if !in[s] {
			return
		}
		delete(in, s)
		for _, key := range s.After {
			if before := v.byKey[key]; before != nil {
				visit(before)
			}
		}
		out = append(out, s)
	}
	for _, s := range steps {
		visit(s)
	}
	return out
}

// takersOf are, for each step, those below it that take from it.
func takersOf(steps []*step) [][]int {
	at := map[string]int{}
	takers := make([][]int, len(steps))
	for i, s := range steps {
		at[s.Key] = i
		for _, key := range s.After {
			if from, ok := at[key]; ok && from < i && !slices.Contains(takers[from], i) {
				takers[from] = append(takers[from], i)
			}
		}
	}
	return takers
}

// pencil draws row by row. A lane is those who still take from it; an empty one is free.
type pencil struct {
	takers [][]int
	lanes  [][]int
}

// row draws the row of step i, and says in which column its glyph is.
func (p *pencil) row(i int) (row []rune, glyph int) {
	ends := map[int]rune{} // how each lane that the step touches looks where it is neither first nor last
	kept := -1
	for lane, takers := range p.lanes {
		if at := slices.Index(takers, i); at >= 0 {
			p.lanes[lane] = slices.Delete(slices.Clone(takers), at, at+1)
			ends[lane] = '┴'
			if len(takers) > 1 {
				ends[lane], kept = '┼', lane
			}
		}
	}
	at := p.place(kept, ends)
	delete(ends, at)
	wide := len(p.lanes)
	if out := p.takers[i]; len(out) > 0 {
		to, mark := p.way(i, at, ends)
		if to != at {
			ends[to] = mark
		}
		p.lanes[to] = out
		wide = max(wide, len(p.lanes))
	}
	return p.paint(at, ends, max(wide, at+1)), 2 * at
}

// place finds the lane of a step's glyph, right of the lanes that go on: that which ends at it, or a free one.
func (p *pencil) place(kept int, ends map[int]rune) int {
	at := -1
	for lane := kept + 1; lane < len(p.lanes); lane++ {
		if ends[lane] == '┴' {
			return lane
		}
		if at < 0 && len(p.lanes[lane]) == 0 {
			at = lane
		}
	}
	if at < 0 {
		p.lanes = append(p.lanes, nil)
		at = len(p.lanes) - 1
	}
	return at
}

// way finds the lane by which a step's takers are reached: one to the right that leads to the same, a new one there if
// others will join it, or straight down.
func (p *pencil) way(i, at int, ends map[int]rune) (lane int, mark rune) {
	out := p.takers[i]
	for lane := at + 1; lane < len(p.lanes); lane++ {
		if slices.Equal(p.lanes[lane], out) {
			return lane, '┼'
		}
	}
	if !slices.ContainsFunc(p.takers[i+1:out[0]], func(other []int) bool { return slices.Equal(other, out) }) {
		return at, 0
	}
	for lane := at + 1; lane < len(p.lanes); lane++ {
		if len(p.lanes[lane]) == 0 && ends[lane] == 0 {
			return lane, '┬'
		}
	}
	p.lanes = append(p.lanes, nil)
	return len(p.lanes) - 1, '┬'
}

// outermost is how a lane's mark looks at the left and at the right end of a row's line.
var outermost = map[rune][2]rune{'┴': {'╰', '╯'}, '┼': {'├', '┤'}, '┬': {'╭', '╮'}}

// paint draws the lanes as they are at a row, and the line that leads from some of them to the glyph and on.
func (p *pencil) paint(at int, ends map[int]rune, lanes int) []rune {
	first, last := at, at
	for lane := range ends {
		first, last = min(first, lane), max(last, lane)
	}
	row := []rune(strings.Repeat(" ", 2*lanes-1))
	for i := 2 * first; i < 2*last; i++ {
		row[i] = '─'
	}
	for lane := range lanes {
		mark, touched := ends[lane]
		switch {
		case touched && lane == first:
			row[2*lane] = outermost[mark][0]
		case touched && lane == last:
			row[2*lane] = outermost[mark][1]
		case touched:
			row[2*lane] = mark
		case lane != at && lane < len(p.lanes) && len(p.lanes[lane]) > 0:
			row[2*lane] = '│' // it crosses the line, and is not touched
		}
	}
	return row
}

// lines are the lanes below the row that was drawn last.
func (p *pencil) lines() string {
	var b strings.Builder
	for _, takers := range p.lanes {
		mark := "│ "
		if len(takers) == 0 {
			mark = "  "
		}
		b.WriteString(mark)
	}
	return strings.TrimRight(b.String(), " ")
}
