package graph

import (
	"fmt"
	"strings"
)

var dotShapes = map[form]string{
	form(Image):     "box",
	form(Check):     "hexagon",
	form(Lifecycle): "component",
	form(Other):     "box",
	formBase:        "cylinder",
	formContext:     "folder",
}

// DOT writes the graph in the language of Graphviz (https://graphviz.org/doc/info/lang.html): a shape for each role, dashed what is
// not built.
func (g *Graph) DOT() string {
	d := g.draw()
	var b strings.Builder
	fmt.Fprintf(&b, "digraph %s {\n", dotText(d.name))
	b.WriteString("  graph [rankdir=LR, fontname=\"sans-serif\"]\n  node [fontname=\"sans-serif\"]\n  edge [fontname=\"sans-serif\", fontsize=10]\n")
	for i, group := range d.groups {
		fmt.Fprintf(&b, "  subgraph cluster_%d {\n    label=%s\n", i, dotText(group.title))
		for _, box := range group.boxes {
			b.WriteString("    " + dotBox(box))
		}
		b.WriteString("  }\n")
	}
	for _, box := range d.beside {
		b.WriteString("  " + dotBox(box))
	}
	for _, a := range d.arrows {
		style := ""
		if a.dashed {
			style = ", style=dashed"
		}
		fmt.Fprintf(&b, "  %s -> %s [label=%s%s]\n", a.from, a.to, dotText(a.label()), style)
	}
	b.WriteString("}\n")
	return b.String()
}

func dotBox(b box) string {
	var styles []string
	if b.form == form(Image) {
		styles = append(styles, "rounded")
	}
	if b.dashed {
		styles = append(styles, "dashed")
	}
	style := ""
	if len(styles) > 0 {
		style = ", style=" + dotText(strings.Join(styles, ","))
	}
	return fmt.Sprintf("%s [label=%s, shape=%s%s]\n", b.id, dotText(b.lines...), dotShapes[b.form], style)
}

// dotEscapes are the characters that mean something within a text: Graphviz reads entities there, as HTML has them.
var dotEscapes = strings.NewReplacer(`"`, `\"`, `\`, `\\`, "&", "&amp;")

func dotText(lines ...string) string {
	escaped := make([]string, len(lines))
	for i, line := range lines {
		escaped[i] = dotEscapes.Replace(plainText(line))
	}
	return `"` + strings.Join(escaped, `\n`) + `"`
}
