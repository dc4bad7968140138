package tui

import (
	"slices"
	"strings"
	"time"

	"github.com/charmbracelet/x/ansi"

	"github.com/seaworthyhq/seaworthy/internal/event"
	"github.com/seaworthyhq/seaworthy/internal/phrase"
)

// maxDrawn is how many stages are drawn as a graph; of more, nobody follows the lines.
const maxDrawn = 60

// picture is steps in the order in which they are shown, with their gutter.
type picture struct {
	steps []*step
	gutter
	graph bool // drawn, not listed
}

// picture draws steps on an output of that width: as a graph with what is not built below it, or as a list as they come.
func (v *view) picture(steps []*step, width int) picture {
	if len(steps) > maxDrawn {
		return picture{steps: steps, gutter: list(len(steps))}
	}
	idle := func(s *step) bool { return s.state == event.Skipped }
	built := v.ordered(slices.DeleteFunc(slices.Clone(steps), idle))
	g, ok := draw(built, maxLanes(width))
	if !ok { // each with what it takes from right above it
		built = v.ordered(lastFirst(built))
		g, ok = draw(built, maxLanes(width))
	}
	if !ok || g.width == 1 && !slices.ContainsFunc(takersOf(built), func(t []int) bool { return len(t) > 0 }) {
		return picture{steps: steps, gutter: list(len(steps))}
	}
	for _, s := range steps {
		if idle(s) {
			built = append(built, s)
			g.rows = append(g.rows, gutterRow{after: strings.Repeat(" ", g.width-1), below: strings.Repeat(" ", g.width)})
		}
	}
	return picture{steps: built, gutter: g, graph: true}
}

// lastFirst are steps so that those from which none takes come first.
func lastFirst(steps []*step) []*step {
	var last, rest []*step
	for i, takers := range takersOf(steps) {
		if len(takers) == 0 {
			last = append(last, steps[i])
		} else {
			rest = append(rest, steps[i])
		}
	}
	return append(last, rest...)
}

// maxLanes is how many lanes may stand beside rows of that width.
func maxLanes(width int) int {
	if width <= 0 {
		width = maxRow
	}
	return max(2, min(width, maxRow)/10)
}

// margin is what stands before the lines below row i.
func (p picture) margin(i int) string {
	if p.graph || p.width > 1 {
		return p.rows[i].below + "   ┊ "
	}
	return listMargin
}

// listMargin is what stands before the lines below the rows of a list.
const listMargin = "  │ "

// board is the graph of stages as it fits an output: all in one picture, or where that is wide enough what images are made of
// to the left and the checks to the right.
type board struct {
	images picture // or all
	checks picture
	beside bool
}

const (
	// boardWide is from which width on checks stand beside images: that of a terminal with 120 columns, the last left free.
	boardWide = 119
	boardGap  = 3
)

// board draws stages on an output of that width, or returns nil where only a list of them can be shown.
func (v *view) board(stages []*step, width int) *board {
	if len(stages) > maxDrawn {
		return nil
	}
	if width >= boardWide {
		if b := v.boardBeside(stages, width); b != nil {
			return b
		}
	}
	if p := v.picture(stages, width); p.graph {
		return &board{images: p}
	}
	return nil
}

func (v *view) boardBeside(stages []*step, width int) *board {
	var images, checks []*step
	gates := false
	for _, s := range stages {
		gates = gates || s.Role == checkRole && s.state != event.Skipped
		if s.Role == checkRole || s.state == event.Skipped {
			checks = append(checks, s)
		} else {
			images = append(images, s)
		}
	}
	if !gates || len(images) == 0 {
		return nil
	}
	half := (width - boardGap) / 2
	b := &board{images: v.picture(images, half), checks: v.picture(checks, half), beside: true}
	v.addOrigins(&b.checks)
	return b
}

// addOrigins leads to each check from what it takes from on the other side.
func (v *view) addOrigins(checks *picture) {
	origins := make([]string, len(checks.steps))
	width := 0
	for i, s := range checks.steps {
		if s.state == event.Skipped {
			continue
		}
		var names []string
		for _, key := range s.After {
			if from := v.byKey[key]; from != nil && from.Role != checkRole {
				names = append(names, Clean(from.Name))
			}
		}
		origins[i] = cut(phrase.First(names, 2), maxOrigin)
		width = max(width, ansi.StringWidth(origins[i]))
	}
	if width == 0 {
		return
	}
	checks.rows = slices.Clone(checks.rows)
	for i, origin := range origins {
		row := &checks.rows[i]
		lead := strings.Repeat(" ", width-ansi.StringWidth(origin)) + origin
		if origin == "" {
			lead += "   "
		} else {
			lead += " ──"
			row.before = strings.ReplaceAll(row.before, " ", "─")
		}
		row.before = lead + row.before
		row.below = strings.Repeat(" ", width+3) + row.below
	}
	checks.width += width + 3
}

// maxOrigin is how wide the names get of what a check takes from.
const maxOrigin = 20

// rows is how many lines the board takes at least.
func (b *board) rows() int {
	if b.beside {
		return 1 + max(len(b.images.steps), len(b.checks.steps))
	}
	return len(b.images.steps)
}

// lines are the board in as many lines as there is room for.
func (b *board) lines(v *view, o Output, room int, now time.Time) []string {
	if !b.beside {
		return v.pictureLines(o, b.images, measure(b.images, o.Width), room, now)
	}
	half := (o.Width - boardGap) / 2
	left := b.side(v, o, "image", b.images, half, room, now)
	right := b.side(v, o, "checks", b.checks, half, room, now)
	lines := make([]string, max(len(left), len(right)))
	for i := range lines {
		if i < len(left) {
			lines[i] = left[i]
		}
		if i < len(right) && right[i] != "" {
			lines[i] = pad(lines[i], half+boardGap) + right[i]
		}
	}
	return lines
}

func (b *board) side(v *view, o Output, title string, p picture, width, room int, now time.Time) []string {
	c := measure(p, width)
	c.role = 0 // the title says it
	return append([]string{o.Paint(Dim, title)}, v.pictureLines(o, p, c, room-1, now)...)
}
