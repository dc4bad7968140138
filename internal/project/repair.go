package project

import (
	"slices"

	"go.yaml.in/yaml/v4"
)

// repair is what it takes to go on after a problem, so that all problems are found at once: what is wrong is left out, and
// the rest is read. Nothing that comes of it is used but the problems.
type repair struct {
	leftOut int  // how often something was left out, or called by another name
	lenient bool // a variable that has to have a value has none: something stands in its place
	// stuck is that the rest makes no sense without what is wrong: to go on would find problems that are none.
	stuck bool
}

// maxRepairs is how often the files are read again without what was wrong with them.
const maxRepairs = 50

// leaveOut takes a key with its value, or an element of a list, out of a file. What others are about, it cannot take out.
func (c *composeFiles) leaveOut(doc *document, n *yaml.Node) {
	if at, _, _ := doc.whereabouts(n); doc.further || essential(at) || !doc.leaveOut(n) {
		c.stuck = true
		return
	}
	c.leftOut++
}

// renameAll reports the unknown keys for which another name is likely to be meant, and gives them that one. It reports whether there
// were any.
func (c *composeFiles) renameAll(doc *document, found []violation) bool {
	renamed := false
	for _, v := range found {
		at, depth := doc.near(v.at)
		if v.meant == "" || depth < len(v.at) {
			continue
		}
		p := doc.problemAt(at, v.message, v.hint)
		if c.rename(doc, at, v.meant) {
			c.add(p)
			renamed = true
		}
	}
	return renamed
}

// rename gives a key the name that is likely to be meant. It reports false where there is none, or there is that one as well.
func (c *composeFiles) rename(doc *document, n *yaml.Node, meant string) bool {
	if doc.further || !doc.rename(n, meant) {
		return false
	}
	c.leftOut++
	return true
}

func (d *document) leaveOut(n *yaml.Node) bool {
	_, holder, i := d.whereabouts(n)
	if holder == nil {
		return false
	}
	width := 1
	if holder.Kind == yaml.MappingNode {
		width = 2
	}
	holder.Content = slices.Delete(holder.Content, i, i+width)
	d.changed = true
	return true
}

func (d *document) rename(n *yaml.Node, meant string) bool {
	_, holder, _ := d.whereabouts(n)
	if meant == "" || holder == nil || holder.Kind != yaml.MappingNode {
		return false
	}
	if slices.ContainsFunc(fields(holder), func(f field) bool { return f.key.Value == meant }) {
		return false
	}
	n.Value = meant
	d.changed, d.guessed = true, append(d.guessed, n)
	return true
}

// essential reports whether others may refer to what is at p, or it says what a service is.
func essential(p trail) bool {
	if len(p) == 0 || len(p) == 2 {
		return true
	}
	if len(p) == 1 {
		return slices.Contains([]string{"services", "networks", "volumes", "secrets", "configs", "include", "name"}, p[0])
	}
	return p[0] == "services" && slices.Contains([]string{"image", "build", "extends"}, p[2])
}

// whereabouts are the path of a key, a value or an element, what holds it, and at which place: a key's for its value, too.
func (d *document) whereabouts(n *yaml.Node) (at trail, holder *yaml.Node, i int) {
	var find func(in *yaml.Node, p trail) bool
	find = func(in *yaml.Node, p trail) bool {
		for k := 0; k < len(in.Content); k++ {
			key, value, name := in.Content[k], in.Content[k], "[]"
			if in.Kind == yaml.MappingNode {
				value, name = in.Content[k+1], key.Value
			}
			if key == n || value == n {
				at, holder, i = p.with(name), in, k
				return true
			}
			if find(value, p.with(name)) {
				return true
			}
			if in.Kind == yaml.MappingNode {
				k++
			}
		}
		return false
	}
	if d.root != nil {
		find(d.root, nil)
	}
	return at, holder, i
}

// repaired is the text of the file without what was left out.
func (d *document) repaired() []byte {
	if !d.changed {
		return d.text
	}
	unfold(d.root)
	text, err := yaml.Marshal(d.root)
	if err != nil {
		return d.text // where the same problem is found again, and ends it
	}
	return text
}

// unfold has collections written one entry a line: what is empty would be written as text in {a: }.
func unfold(n *yaml.Node) {
	n.Style &^= yaml.FlowStyle
	for _, each := range n.Content {
		unfold(each)
	}
}
