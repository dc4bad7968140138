package tui

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/seaworthyhq/seaworthy/internal/event"
)

// stagesOf makes steps of lines like "web: builder assets".
func stagesOf(lines ...string) []*step {
	var steps []*step
	for _, line := range lines {
		name, after, _ := strings.Cut(line, ":")
		steps = append(steps, &step{Node: event.Node{Key: name, Name: name, After: strings.Fields(after)}})
	}
	return steps
}

func drawn(t *testing.T, steps []*step) string {
	t.Helper()
	g, ok := draw(steps, 100)
	if !ok {
		t.Fatal("too wide")
	}
	var b strings.Builder
	for i, row := range g.rows {
		fmt.Fprintln(&b, row.before+"●"+row.after+" "+steps[i].Name)
	}
	return b.String()
}

func TestShapesOfGraphs(t *testing.T) {
	for name, c := range map[string]struct {
		steps []string
		want  string
	}{
		"chain": {[]string{"a", "b: a", "c: b"}, `
● a
● b
● c
`},
		"check beside image": {[]string{"builder", "test: builder", "web: builder"}, `
●   builder
├─● test
●   web
`},
		"diamond": {[]string{"base", "a: base", "b: base", "c: base", "d: base", "web: a b c d"}, `
●     base
├─●─╮ a
├─●─┤ b
├─●─┤ c
●───┤ d
    ● web
`},
		"strangers": {[]string{"a", "b", "c: a"}, `
●   a
│ ● b
●   c
`},
		"crossing": {[]string{"a", "b", "c: a b", "d: a", "e: b"}, `
●     a
│ ●   b
├─┼─● c
● │   d
  ●   e
`},
	} {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(strings.TrimPrefix(c.want, "\n"), drawn(t, stagesOf(c.steps...))); diff != "" {
				t.Errorf("-want +got\n%s", diff)
			}
		})
	}
}

// TestStagesMoveWhereTheGraphWouldBeTooWide: first all that is downloaded, then all that is built of it, is more than fits.
func TestStagesMoveWhereTheGraphWouldBeTooWide(t *testing.T) {
	v := newView(time.Now())
	var builds []string
	for _, kind := range []string{"deps", "build"} {
		for i := range 9 {
			n := event.Node{Key: fmt.Sprint(kind, i), Name: fmt.Sprint(kind, i)}
			if kind == "build" {
				n.After, builds = []string{fmt.Sprint("deps", i)}, append(builds, n.Key)
			}
			v.addNode(n)
		}
	}
	v.addNode(event.Node{Key: "web", Name: "web", After: builds})
	p := v.picture(v.steps, 80)
	if !p.graph || p.width != 3 || p.steps[1].Name != "build0" || p.steps[18].Name != "web" {
		t.Errorf("drawn %v, %d wide:\n%s", p.graph, p.width, drawn(t, p.steps))
	}
	if p := v.picture(v.steps, 120); !p.graph || p.steps[1].Name != "deps1" {
		t.Errorf("drawn %v, %d wide:\n%s", p.graph, p.width, drawn(t, p.steps))
	}
}

// TestPictureHasAllEdgesAndNoOther draws graphs at random and reads the edges back off the picture.
func TestPictureHasAllEdgesAndNoOther(t *testing.T) {
	for seed := range uint64(3000) {
		r := rand.New(rand.NewPCG(seed, 0))
		var lines []string
		n := 1 + r.IntN(14)
		for i := range n {
			line := fmt.Sprint(i, ":")
			for from := range i {
				if r.IntN(n) < 2 {
					line += fmt.Sprint(" ", from)
				}
			}
			lines = append(lines, line)
		}
		g, ok := draw(stagesOf(lines...), 100)
		if !ok {
			t.Fatal(seed, "too wide")
		}
		if diff := cmp.Diff(lines, readEdges(g)); diff != "" {
			t.Fatalf("graph %d: -want +got\n%s\n%s", seed, diff, drawn(t, stagesOf(lines...)))
		}
	}
}

// readEdges follows the lines of a picture.
func readEdges(g gutter) []string {
	carried := map[int][]int{} // by column, what comes down it
	var lines []string
	for i, row := range g.rows {
		at := len([]rune(row.before))
		all := []rune(row.before + "●" + row.after)
		feeds := carried[at]
		out := at
		for col, mark := range all {
			switch {
			case col < at && strings.ContainsRune("├┼╰┴", mark) || col > at && strings.ContainsRune("╯┴", mark):
				feeds = append(slices.Clone(feeds), carried[col]...)
			case col > at && strings.ContainsRune("┤┼┬╮", mark):
				out = col
			}
		}
		if out != at {
			delete(carried, at)
			carried[out] = append(carried[out], i)
		} else {
			carried[at] = []int{i}
		}
		for col := range carried {
			if below := []rune(row.below); col >= len(below) || below[col] != '│' {
				delete(carried, col)
			}
		}
		slices.Sort(feeds)
		line := fmt.Sprint(i, ":")
		for _, from := range slices.Compact(feeds) {
			line += fmt.Sprint(" ", from)
		}
		lines = append(lines, line)
	}
	return lines
}
