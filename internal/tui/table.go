package tui

import (
	"io"
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

// Table is rows of cells below each other. Columns are as wide as their text; on a terminal that is too narrow the widest are
// cut, and elsewhere nothing is.
type Table struct {
	header []string
	rows   [][]Cell
	notes  map[int][]string // by row, below it
}

const (
	columnGap   = 2
	minimalCell = 4 // columns are not cut below
)

// NewTable returns a table with these headings; none, no heading line.
func NewTable(header ...string) *Table { return &Table{header: header, notes: map[int][]string{}} }

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
	widths := fit(naturalWidths(rows), o.Width)
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

// fit takes a column at a time off the widest until the table is as narrow as the terminal.
func fit(widths []int, limit int) []int {
	total := columnGap * max(0, len(widths)-1)
	for _, w := range widths {
		total += w
	}
	for ; limit > 0 && total > limit; total-- {
		widest := 0
		for i, w := range widths {
			if w > widths[widest] {
				widest = i
			}
		}
		if widths[widest] <= minimalCell {
			break
		}
		widths[widest]--
	}
	return widths
}

func renderRow(o Output, row []Cell, widths []int) string {
	var b strings.Builder
	gap := 0
	for i, c := range row {
		text := cut(c.Text, widths[i])
		if text != "" {
			b.WriteString(strings.Repeat(" ", gap) + o.Paint(c.Tone, text))
			gap = 0
		}
		gap += widths[i] - ansi.StringWidth(text) + columnGap
	}
	return cut(b.String(), o.Width)
}
