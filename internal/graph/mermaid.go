package graph

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

// mermaidShapes are what stands around a box's text.
var mermaidShapes = map[form][2]string{
	form(Image):     {"([", "])"},
	form(Check):     {"{{", "}}"},
	form(Lifecycle): {"[[", "]]"},
	form(Other):     {"[", "]"},
	formBase:        {"[(", ")]"},
	formContext:     {"[/", "/]"},
}

// Mermaid writes the graph as a Mermaid flowchart (https://mermaid.js.org/syntax/flowchart.html): a shape for each role, dashed
// what is not built. It has no colours, so that it can be read on any ground.
func (g *Graph) Mermaid() string {
	d := g.draw()
	var b strings.Builder
	var dashed []string
	b.WriteString("flowchart LR\n")
	for i, group := range d.groups {
		fmt.Fprintf(&b, "  subgraph d%d[%s]\n", i, mermaidText(group.title))
		for _, box := range group.boxes {
			b.WriteString("    " + mermaidBox(box))
			if box.dashed {
				dashed = append(dashed, box.id)
			}
		}
		b.WriteString("  end\n")
	}
	for _, box := range d.beside {
		b.WriteString("  " + mermaidBox(box))
	}
	for _, a := range d.arrows {
		line := "-->"
		if a.dashed {
			line = "-.->"
		}
		fmt.Fprintf(&b, "  %s %s|%s| %s\n", a.from, line, a.label(), a.to)
	}
	if len(dashed) > 0 {
		fmt.Fprintf(&b, "  classDef unbuilt stroke-dasharray:5 5\n  class %s unbuilt\n", strings.Join(dashed, ","))
	}
	return b.String()
}

// What Mermaid shows unless whoever embeds it allows more (https://mermaid.js.org/config/schema-docs/config.html): a diagram cannot.
const (
	mermaidArrows     = 500
	mermaidCharacters = 50_000
)

// BeyondMermaid says why Mermaid does not show what the graph is written as, left as it comes; empty: it does.
func (g *Graph) BeyondMermaid() string {
	arrows, characters := len(g.draw().arrows), utf8.RuneCountInString(g.Mermaid())
	if arrows <= mermaidArrows && characters <= mermaidCharacters {
		return ""
	}
	return fmt.Sprintf("Mermaid shows no more than %d arrows and %d characters unless it is told to (maxEdges, maxTextSize): these are %d and %d",
		mermaidArrows, mermaidCharacters, arrows, characters)
}

func mermaidBox(b box) string {
	shape := mermaidShapes[b.form]
	return b.id + shape[0] + mermaidText(b.lines...) + shape[1] + "\n"
}

// mermaidEntities are the characters that mean something within a text, as Mermaid has them.
var mermaidEntities = strings.NewReplacer(`"`, "#quot;", "#", "#35;", "&", "#amp;", "<", "#lt;", ">", "#gt;", "`", "#96;", `\`, "#92;",
	"%%", "#37;#37;", "$$", "#36;#36;") // else a directive, and a formula

func mermaidText(lines ...string) string {
	escaped := make([]string, len(lines))
	for i, line := range lines {
		escaped[i] = mermaidEntities.Replace(plainText(line))
	}
	return `"` + strings.Join(escaped, "<br/>") + `"`
}
