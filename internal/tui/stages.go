package tui

import (
	"cmp"
	"math"
	"slices"
	"strings"

	"github.com/charmbracelet/x/ansi"

	"github.com/seaworthyhq/seaworthy/internal/event"
	"github.com/seaworthyhq/seaworthy/internal/phrase"
)

// listing lists the stages of the first graph; those that come later say nothing new of them.
func (v *view) listing(o Output, opts Options, graph event.Graph) []string {
	if v.listed {
		return nil
	}
	v.listed = true
	most := sourcesListed
	if opts.Verbose {
		most = math.MaxInt
	}
	return stageLines(o, graph, most)
}

// sourcesListed is how many names the list has of what a stage copies or mounts from.
const sourcesListed = 12

// stageLines list the stages of a graph before anything happens to them: what each is for and why, its lines, and what it takes
// from where, beside a picture of that. Nothing of it is cut off; of very many that a stage copies or mounts from, the first are named.
func stageLines(o Output, graph event.Graph, most int) []string {
	nodes := slices.DeleteFunc(slices.Clone(graph.Steps), func(n event.Node) bool { return !strings.HasPrefix(n.Key, stagePrefix) })
	if len(nodes) == 0 {
		return nil
	}
	l := newStageList(nodes, most)
	l.fit(o.Width)
	lines := wrap(o.Paint(Strong, "stages")+" of "+stageCounts(nodes), o.Width)
	lines = append(lines, o.Paint(Dim, l.heading()))
	for i := range l.rows {
		lines = append(lines, l.row(o, i)...)
	}
	return append(lines, "")
}

// stageCounts says where stages are written, and how many of them are for what.
func stageCounts(nodes []event.Node) string {
	counts := map[string]int{}
	for _, n := range nodes {
		if n.Skip {
			n.Role = "not built"
		}
		counts[n.Role]++
	}
	var said []string
	for _, c := range []struct{ role, text string }{
		{"image", itoa(counts["image"]) + " for images"},
		{"check", phrase.Count(counts["check"], "check")},
		{"lifecycle", itoa(counts["lifecycle"]) + " for later"},
		{"not built", itoa(counts["not built"]) + " not built"},
	} {
		if counts[c.role] > 0 {
			said = append(said, c.text)
		}
	}
	return phrase.First(cleaned(stageFiles(nodes)), 3) + ": " + strings.Join(said, ", ")
}

// stageFiles are the Dockerfiles that stages are written in.
func stageFiles(nodes []event.Node) []string {
	var files []string
	for _, n := range nodes {
		if !slices.Contains(files, n.File) {
			files = append(files, n.File)
		}
	}
	return files
}

// stageList is the list of stages as it is laid out: columns of a fixed width, then what a stage takes and why it has its role,
// which are broken between words, beside each other or in one below the rest.
type stageList struct {
	nodes  []event.Node
	gutter gutter
	rows   [][]string // cells
	widths []int      // of the columns
	below  int        // how wide what stands below the others is; 0: they stand beside them
}

var stageHeadings = []string{"stage", "role", "lines", "from", "why"}

// The columns that may be broken between words; the others come before.
const (
	columnFrom = 3
	columnWhy  = 4
)

// belowIndent is how far in from the picture stands what has no room beside a stage's name.
const belowIndent = 3

func newStageList(nodes []event.Node, most int) *stageList {
	l := &stageList{nodes: nodes, gutter: stageGutter(nodes)}
	names, taken := map[string]string{}, map[string]bool{}
	for _, n := range nodes {
		name := Clean(n.Name)
		names[n.Key], taken[name] = name, true
	}
	several := len(stageFiles(nodes)) > 1
	for _, n := range nodes {
		l.rows = append(l.rows, []string{names[n.Key], Clean(n.Role), stagePlace(n, several), takesFrom(n, names, taken, most), roleReason(n)})
	}
	for column, heading := range stageHeadings {
		width := len(heading)
		for _, row := range l.rows {
			width = max(width, ansi.StringWidth(row[column]))
		}
		l.widths = append(l.widths, width)
	}
	return l
}

// stageGutter is the picture of what takes from what, where that is small enough to be read.
func stageGutter(nodes []event.Node) gutter {
	const lanes, most = 5, 60
	if len(nodes) > most {
		return list(len(nodes))
	}
	steps := make([]*step, len(nodes))
	for i, n := range nodes {
		steps[i] = &step{Node: n}
	}
	if g, ok := draw(steps, lanes); ok {
		return g
	}
	return list(len(nodes))
}

// stagePlace is where a stage is written, with its Dockerfile where there are several.
func stagePlace(n event.Node, several bool) string {
	place := itoa(n.Line)
	if n.EndLine > n.Line {
		place += "-" + itoa(n.EndLine)
	}
	switch {
	case n.Line == 0:
		return Clean(n.File)
	case several:
		return Clean(n.File) + ":" + place
	}
	return place
}

// takesFrom says what a stage begins with, and what it copies and mounts from where: of each, most names.
func takesFrom(n event.Node, names map[string]string, taken map[string]bool, most int) string {
	if n.Line == 0 {
		return "known to the builder only"
	}
	begins := "scratch"
	takes := map[string][]string{}
	for _, e := range n.From {
		source := sourceOf(e, names, taken)
		if e.Kind == "from" {
			begins = source
		} else if !slices.Contains(takes[e.Kind], source) {
			takes[e.Kind] = append(takes[e.Kind], source)
		}
	}
	text := begins
	for _, way := range []struct{ kind, verb string }{{"copy", "copies"}, {"mount", "mounts"}} {
		if sources := takes[way.kind]; len(sources) > 0 {
			text += "; " + way.verb + " " + phrase.First(sources, most)
		}
	}
	return text
}

// sourceOf is what an edge leads to; an image that is called like a stage says that it is one.
func sourceOf(e event.Edge, names map[string]string, taken map[string]bool) string {
	image := shortDigest(Clean(e.Image))
	switch {
	case e.Step != "":
		return cmp.Or(names[e.Step], Clean(e.Step))
	case e.Context != "":
		return "context " + Clean(e.Context)
	case taken[image]:
		return "image " + image
	}
	return image
}

// shortDigest is a reference to an image without most of its digest.
func shortDigest(ref string) string {
	name, digest, ok := strings.Cut(ref, "@sha256:")
	if !ok || len(digest) <= 12 {
		return ref
	}
	return name + "@sha256:" + digest[:12] + "…"
}

// roleReason says why a stage has its role.
func roleReason(n event.Node) string {
	switch why := Clean(n.Why); {
	case n.Skip:
		return "not built: " + why
	case n.Idle:
		return why + "; it runs nothing, so it proves nothing"
	default:
		return why
	}
}

// fit shares what room there is among the last two columns.
func (l *stageList) fit(width int) {
	const readable = 22 // columns for a sentence
	room := width - l.lead() - columnGap
	from, why := l.widths[columnFrom], l.widths[columnWhy]
	switch {
	case width <= 0 || from+why <= room:
	case room >= 2*readable:
		l.widths[columnFrom] = min(from, max(room/2, room-why))
		l.widths[columnWhy] = room - l.widths[columnFrom]
	default:
		l.below = max(readable, width-l.gutter.width-belowIndent)
	}
}

// lead is how far in the columns begin that may be broken.
func (l *stageList) lead() int {
	lead := l.gutter.width + 1
	for _, width := range l.widths[:columnFrom] {
		lead += width + columnGap
	}
	return lead
}

func (l *stageList) heading() string {
	shown := stageHeadings
	if l.below > 0 {
		shown = shown[:columnFrom]
	}
	text := strings.Repeat(" ", l.gutter.width+1)
	for column, heading := range shown {
		text += pad(heading, l.widths[column]+columnGap)
	}
	return strings.TrimRight(text, " ")
}

// row is one stage, in as many lines as it takes.
func (l *stageList) row(o Output, i int) []string {
	n, cells, g := l.nodes[i], l.rows[i], l.gutter.rows[i]
	mark, tone, quiet := stageMark(n)
	name := Strong
	if n.Skip {
		name = Dim
	}
	head := o.Paint(Dim, g.before) + o.Paint(tone, mark) + o.Paint(Dim, g.after) + " " +
		o.Paint(name, pad(cells[0], l.widths[0])) + "  " + o.Paint(tone, pad(cells[1], l.widths[1])) + "  " + o.Paint(Dim, pad(cells[2], l.widths[2]))
	side := o.Paint(Dim, pad(g.below, l.gutter.width))
	var lines []string
	if l.below > 0 {
		lines = append(lines, strings.TrimRight(head, " "))
		text := cells[columnFrom] + " · " + cells[columnWhy]
		if n.Line > 0 {
			text = "from " + text
		}
		for _, text := range wrap(text, l.below) {
			lines = append(lines, side+strings.Repeat(" ", belowIndent)+o.Paint(reasonTone(n), text))
		}
		return lines
	}
	from, why := wrap(cells[columnFrom], l.widths[columnFrom]), wrap(cells[columnWhy], l.widths[columnWhy])
	for at := range max(len(from), len(why)) {
		if at > 0 {
			head = side + strings.Repeat(" ", l.lead()-l.gutter.width-columnGap)
		}
		line := head + "  " + o.Paint(quiet, pad(lineAt(from, at), l.widths[columnFrom])) + "  " + o.Paint(reasonTone(n), lineAt(why, at))
		lines = append(lines, strings.TrimRight(line, " "))
	}
	return lines
}

// stageMark is what stands for a stage in the picture, with its tone and that of what is said of it: what is not built must not
// look like what is.
func stageMark(n event.Node) (mark string, tone, quiet Tone) {
	switch {
	case n.Skip:
		return "–", Dim, Dim
	case n.Role == "check":
		return "◇", Active, Normal
	case n.Role == "lifecycle":
		return "▹", Active, Normal
	}
	return "◆", Good, Normal
}

func reasonTone(n event.Node) Tone {
	if n.Idle {
		return Warning
	}
	return Dim
}

func lineAt(lines []string, i int) string {
	if i < len(lines) {
		return lines[i]
	}
	return ""
}
