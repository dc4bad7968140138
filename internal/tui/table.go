package tui

import (
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

// Table is rows of cells below each other. Columns are as wide as their text; on a terminal that is too narrow those that can be
// spared are left out, and then the widest are cut. Elsewhere nothing is.
type Table struct {
	header []string
	spare  []string        // headings, in the order in which the columns go
	whole  map[string]bool // headings of columns that are never cut
	rows   [][]Cell
	notes  map[int][]string // by row, below it
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
	widths := t.fit(naturalWidths(rows), o.Width)
	var b strings.Builder
	for i, row := range rows {
		b.WriteString(renderRow(o, row, widths) + "\n")
		for _, note := range t.notes[i-first] {
			b.WriteString(cut("  "+o.Paint(Dim, note), o.Width) + "\n")
		}
	}
	_, err := io.WriteString(o, b.String())
	return err
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

// fit makes the table as narrow as the terminal, as far as that goes.
func (t *Table) fit(widths []int, limit int) []int {
	if limit <= 0 {
		return widths
	}
	for _, heading := range t.spare {
		if i := slices.Index(t.header, heading); i >= 0 && i < len(widths) && total(widths) > limit {
			widths[i] = leftOut
		}
	}
	for total(widths) > limit {
		widest := t.widest(widths)
		if widest < 0 {
			break
		}
		widths[widest]--
	}
	return widths
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
