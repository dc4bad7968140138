package tui

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/charmbracelet/x/ansi"
)

// Cell is a text in a table, and what it means.
type Cell struct {
	Text string
	Tone Tone
}

// Text is a cell without a tone.
func Text(text string) Cell { return Cell{Text: text} }

// Cell is a cell of that tone.
func (t Tone) Cell(text string) Cell { return Cell{Text: text, Tone: t} }

// Table is rows of cells below each other. Columns are as wide as their text; on a terminal that is too narrow some go below
// their rows, those that can be spared are left out, which is said at the end, and then the widest are cut. Elsewhere nothing is.
type Table struct {
	header []string
	below  []string        // headings, in the order in which the columns go to lines of their own
	spare  []string        // headings, in the order in which the columns go
	whole  map[string]bool // headings of columns that are never cut
	rows   [][]Cell
	notes  map[int][]string // by row, below it
	marks  [][2]string      // headings, and what the marks in their columns mean
}

const (
	columnGap   = 2
	minimalCell = 4 // columns are not cut below
)

// NewTable returns a table with these headings; none, no heading line.
func NewTable(header ...string) *Table {
	return &Table{header: header, whole: map[string]bool{}, notes: map[int][]string{}}
}

// Spare names columns that are left out where there is no room for all, the first one first.
func (t *Table) Spare(headings ...string) *Table {
	t.spare = headings
	return t
}

// Below names columns that get lines of their own below their rows where there is no room beside the others, the first one first.
func (t *Table) Below(headings ...string) *Table {
	t.below = headings
	return t
}

// Whole names columns whose text is of no use in part, such as an address: it is never cut.
func (t *Table) Whole(headings ...string) *Table {
	for _, h := range headings {
		t.whole[h] = true
	}
	return t
}

// Add adds a row.
func (t *Table) Add(cells ...Cell) {
	row := make([]Cell, len(cells))
	for i, c := range cells {
		row[i] = Cell{Text: oneLine(c.Text), Tone: c.Tone}
	}
	t.rows = append(t.rows, row)
}

// Note sets a text below the row that was added last, across all columns.
func (t *Table) Note(text string) {
	row := len(t.rows) - 1
	t.notes[row] = append(t.notes[row], cleanLines(text)...)
}

// Explain says below the table what the marks in a column mean, where that is shown.
func (t *Table) Explain(heading, marks string) *Table {
	t.marks = append(t.marks, [2]string{heading, marks})
	return t
}

// Write writes the table in one write.
func (t *Table) Write(w io.Writer) error {
	o := Describe(w, ColorAuto)
	rows, first := t.rows, 0
	if len(t.header) > 0 {
		first = 1
		head := make([]Cell, len(t.header))
		for i, h := range t.header {
			head[i] = Dim.Cell(h)
		}
		rows = append([][]Cell{head}, rows...)
	}
	natural := naturalWidths(rows)
	l := t.fit(natural, o.Width)
	var b strings.Builder
	for i, row := range rows {
		b.WriteString(renderRow(o, row, l.widths) + "\n")
		if i < first {
			continue
		}
		for _, column := range l.below {
			if column < len(row) {
				b.WriteString(indented(o, "  ", o.Paint(row[column].Tone, row[column].Text)))
			}
		}
		for _, note := range t.notes[i-first] {
			b.WriteString(indented(o, "  ", o.Paint(Dim, note)))
		}
	}
	for _, m := range t.marks {
		if i := slices.Index(t.header, m[0]); i >= 0 && i < len(l.widths) && l.widths[i] != leftOut {
			b.WriteString(indented(o, "", o.Paint(Dim, m[0]+": "+m[1])))
		}
	}
	if len(l.spared) > 0 {
		room := fmt.Sprintf("no room for %s: all of it takes %d columns", strings.Join(l.spared, ", "), total(natural))
		b.WriteString(indented(o, "", o.Paint(Dim, room)))
	}
	_, err := io.WriteString(o, b.String())
	return err
}

// indented are the lines of a text that is broken between words; an empty one has none.
func indented(o Output, indent, text string) string {
	if text == "" {
		return ""
	}
	return indent + strings.Join(wrap(text, max(0, o.Width-len(indent))), "\n"+indent) + "\n"
}

func naturalWidths(rows [][]Cell) []int {
	var widths []int
	for _, row := range rows {
		for i, c := range row {
			if i == len(widths) {
				widths = append(widths, 0)
			}
			widths[i] = max(widths[i], ansi.StringWidth(c.Text))
		}
	}
	return widths
}

// leftOut is the width of a column that is not shown.
const leftOut = -1

// layout is how a table is made as narrow as the terminal.
type layout struct {
	widths []int
	below  []int    // columns with lines of their own
	spared []string // headings of columns that are not shown
}

// fit makes the table as narrow as the terminal, as far as that goes.
func (t *Table) fit(natural []int, limit int) layout {
	l := layout{widths: slices.Clone(natural)}
	if limit <= 0 {
		return l
	}
	for _, heading := range t.below {
		if i := slices.Index(t.header, heading); l.gives(i, limit) {
			l.widths[i], l.below = leftOut, append(l.below, i)
		}
	}
	for _, heading := range t.spare { // an empty one is not missed
		if i := slices.Index(t.header, heading); l.gives(i, limit) && t.empty(i) {
			l.widths[i] = leftOut
		}
	}
	for _, heading := range t.spare {
		if i := slices.Index(t.header, heading); l.gives(i, limit) {
			l.widths[i], l.spared = leftOut, append(l.spared, heading)
		}
	}
	for total(l.widths) > limit {
		widest := t.widest(l.widths)
		if widest < 0 {
			break
		}
		l.widths[widest]--
	}
	return l
}

// gives reports whether a column has to go and can.
func (l layout) gives(column, limit int) bool {
	return column >= 0 && column < len(l.widths) && l.widths[column] != leftOut && total(l.widths) > limit
}

func (t *Table) empty(column int) bool {
	return !slices.ContainsFunc(t.rows, func(row []Cell) bool { return column < len(row) && row[column].Text != "" })
}

// widest is the widest column that can still be cut, or -1.
func (t *Table) widest(widths []int) int {
	widest := -1
	for i, w := range widths {
		whole := i < len(t.header) && t.whole[t.header[i]]
		if !whole && w > minimalCell && (widest < 0 || w > widths[widest]) {
			widest = i
		}
	}
	return widest
}

func total(widths []int) int {
	sum := -columnGap
	for _, w := range widths {
		if w != leftOut {
			sum += w + columnGap
		}
	}
	return sum
}

// renderRow writes the cells below those of the other rows. A row that is too wide all the same is left to the terminal to wrap:
// what is in it must not be cut.
func renderRow(o Output, row []Cell, widths []int) string {
	var b strings.Builder
	gap := 0
	for i, c := range row {
		if widths[i] == leftOut {
			continue
		}
		text := cut(c.Text, widths[i])
		if text != "" {
			b.WriteString(strings.Repeat(" ", gap) + o.Paint(c.Tone, text))
			gap = 0
		}
		gap += widths[i] - ansi.StringWidth(text) + columnGap
	}
	return b.String()
}
