package graph

import (
	"fmt"
	"slices"
	"strings"
	"unicode"

	"github.com/seaworthyhq/seaworthy/internal/project"
)

// drawing is a graph as boxes with arrows between them; two boxes are joined by one arrow at most.
type drawing struct {
	name   string
	groups []group // by Dockerfile
	beside []box   // what comes from elsewhere
	arrows []arrow
}

type group struct {
	title string
	one   bool // all stages are for the same services, which the title says
	boxes []box
}

type box struct {
	id     string // of ASCII letters and digits
	lines  []string
	form   form
	dashed bool // nothing builds it
}

// form is what a box stands for; each has a shape of its own.
type form string

const (
	formBase    form = "base"    // an image from elsewhere
	formContext form = "context" // an additional context
)

type arrow struct {
	from, to string // ids
	kinds    []project.EdgeKind
	dashed   bool // it leads to what nothing builds
}

// label is what is taken, in the words of the Dockerfile.
func (a arrow) label() string {
	words := make([]string, len(a.kinds))
	for i, kind := range a.kinds {
		words[i] = strings.ToUpper(string(kind))
	}
	return strings.Join(words, ", ")
}

// draw lays the graph out, but for where on the paper.
func (g *Graph) draw() drawing {
	d := draftsman{graph: g, ids: map[string]string{}, arrows: map[[2]string]int{}}
	d.name = g.Project
	for i := range g.Nodes {
		d.stage(i)
	}
	for _, e := range g.Edges {
		d.edge(e)
	}
	return d.drawing
}

type draftsman struct {
	drawing
	graph  *Graph
	ids    map[string]string // by key of a stage, or by what else something is known by
	arrows map[[2]string]int // by their ends
}

func (d *draftsman) stage(i int) {
	n := &d.graph.Nodes[i]
	if i == 0 || n.place.file != d.graph.Nodes[i-1].place.file {
		d.groups = append(d.groups, d.graph.group(n))
	}
	d.ids[n.Key] = fmt.Sprintf("s%d", i)
	g := &d.groups[len(d.groups)-1]
	name := n.Name
	if !g.one {
		name = n.FullName()
	}
	g.boxes = append(g.boxes, box{id: d.ids[n.Key], lines: []string{name, n.caption()}, form: form(n.Role), dashed: !n.Built})
}

func (d *draftsman) edge(e Edge) {
	ends := [2]string{d.source(e), d.ids[e.To]}
	i, known := d.arrows[ends]
	if !known {
		i = len(d.drawing.arrows)
		d.arrows[ends] = i
		d.drawing.arrows = append(d.drawing.arrows, arrow{from: ends[0], to: ends[1], dashed: !d.graph.Node(e.To).Built})
	}
	if a := &d.drawing.arrows[i]; !slices.Contains(a.kinds, e.Kind) {
		a.kinds = append(a.kinds, e.Kind)
	}
}

// source is the id of the box that an edge comes from; what is from elsewhere has one when it is first met.
func (d *draftsman) source(e Edge) string {
	switch {
	case e.From != "":
		return d.ids[e.From]
	case e.Context != "": // of two Dockerfiles, they may share a name and nothing else
		return d.elsewhere("context "+d.graph.Node(e.To).Dockerfile+" "+e.Context, box{lines: []string{e.Context, "context"}, form: formContext})
	}
	return d.elsewhere("image "+e.Image, box{lines: []string{e.Image}, form: formBase})
}

func (d *draftsman) elsewhere(key string, b box) string {
	if d.ids[key] == "" {
		b.id = fmt.Sprintf("x%d", len(d.beside))
		d.ids[key] = b.id
		d.beside = append(d.beside, b)
	}
	return d.ids[key]
}

// group is the Dockerfile that a stage is of.
func (g *Graph) group(of *Node) group {
	others := func(n Node) bool { return n.place.file == of.place.file && n.Prefix != of.Prefix }
	switch {
	case slices.ContainsFunc(g.Nodes, others):
		return group{title: of.File}
	case of.Prefix == "":
		return group{title: of.File, one: true}
	}
	return group{title: of.File + " for " + strings.ReplaceAll(of.Prefix, "+", ", "), one: true}
}

// caption says what a stage is for.
func (n *Node) caption() string {
	text := string(n.Role)
	switch {
	case len(n.Services) > 0:
		text += " of " + strings.Join(n.Services, ", ")
	case n.Skipped:
		text += ", skipped"
	case !n.Built:
		text += ", not built"
	case n.Idle:
		text += ", proves nothing"
	}
	return text
}

// plainText is text without what a terminal, or who reads it, could be misled by.
func plainText(text string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r) || r == unicode.ReplacementChar {
			return unicode.ReplacementChar
		}
		return r
	}, text)
}
