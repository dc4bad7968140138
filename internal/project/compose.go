package project

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"github.com/compose-spec/compose-go/v2/interpolation"
	"github.com/compose-spec/compose-go/v2/schema"
	"github.com/compose-spec/compose-go/v2/template"
	"github.com/compose-spec/compose-go/v2/types"
	"go.yaml.in/yaml/v4"
)

// composeFiles are the compose files of one environment, merged as the Compose Specification says, and what is needed to
// point at a line for anything in the result.
type composeFiles struct {
	*findings
	dir       string
	name      string // of the project
	profiles  []string
	variables types.Mapping     // what files may interpolate
	shell     map[string]string // what the shell has, whether it counts or not
	// main are the files that are merged, in order; all has what they include and extend as well, before them.
	main, all []*document
	repair

	model   map[string]any // merged, in canonical form
	project *types.Project
}

var composeShape = shapeOf(func() []byte { return []byte(schema.Schema) })

// read parses the files and whatever they include or extend, and checks each against the Compose Specification.
func (c *composeFiles) read(paths []string) {
	for _, path := range paths {
		if doc := c.open(path); doc != nil {
			c.main = append(c.main, doc)
		}
	}
	for i, doc := range c.main {
		c.collect(doc, c.dir)
		c.checkShape(doc, i > 0)
		c.warnUnset(doc)
		c.checkExtends(doc)
	}
}

func (c *composeFiles) open(path string) *document {
	src, p := readSource(c.dir, path)
	if p == nil {
		var doc *document
		if doc, p = parseDocument(src); p == nil {
			return doc
		}
	}
	c.add(*p)
	c.stuck = true
	return nil
}

// collect adds the document to all, after the files that it includes and extends.
func (c *composeFiles) collect(doc *document, base string) {
	if slices.ContainsFunc(c.all, func(d *document) bool { return d.path == doc.path }) {
		return
	}
	index := len(c.all)
	c.all = append(c.all, doc)
	var further []*yaml.Node
	for _, pattern := range [][]string{{"include", "[]"}, {"include", "[]", "path"}, {"include", "[]", "path", "[]"}, {"services", "*", "extends", "file"}} {
		for _, at := range doc.match(pattern) {
			further = append(further, doc.scalarAt(at)...)
		}
	}
	for _, n := range further {
		path, err := template.Substitute(n.Value, c.lookup)
		if err != nil {
			continue // the loader says so
		}
		if !filepath.IsAbs(path) {
			path = filepath.Join(base, path)
		}
		c.collectFurther(doc, n, path)
	}
	// What is merged later stands later.
	c.all = append(slices.Delete(c.all, index, index+1), doc)
}

func (c *composeFiles) collectFurther(doc *document, n *yaml.Node, path string) {
	src, p := readSource(c.dir, path)
	if p != nil {
		c.add(doc.problemAt(n, fmt.Sprintf("%s: %s", relative(c.dir, path), p.Message), "only files of this machine can be included or extended"))
		c.stuck = true
		return
	}
	further, p := parseDocument(src)
	if p != nil {
		c.add(*p)
		c.stuck = true
		return
	}
	further.further = true
	c.collect(further, filepath.Dir(path))
	c.checkShape(further, false)
}

// checkExtends reports services that extend one of the same file which is not there.
func (c *composeFiles) checkExtends(doc *document) {
	_, services := doc.find(trail{"services"})
	var names []string
	for _, each := range c.all { // what is included can be extended too
		for _, at := range each.match([]string{"services", "*"}) {
			names = append(names, at.Value)
		}
	}
	for _, f := range fields(services) {
		at := trail{"services", f.key.Value, "extends"}
		_, v := doc.find(at)
		if v != nil && v.Kind == yaml.MappingNode {
			if file, _ := doc.find(at.with("file")); file != nil {
				continue
			}
			_, v = doc.find(at.with("service"))
		}
		if v != nil && v.Kind == yaml.ScalarNode && !strings.Contains(v.Value, "$") && !slices.Contains(names, v.Value) {
			c.add(doc.problemAt(v, fmt.Sprintf("%s extends %q, which is no service", f.key.Value, v.Value), "name one of its services, or the file: {file: …, service: …}"+didYouMean(v.Value, names)))
			c.stuck = true
		}
	}
}

// scalarAt is the scalar that an entry found by match has as its value.
func (d *document) scalarAt(at *yaml.Node) []*yaml.Node {
	if at.Kind != yaml.ScalarNode {
		return nil
	}
	if v := d.valueOf(at); v != nil {
		at = v
	}
	if at.Kind != yaml.ScalarNode {
		return nil
	}
	return []*yaml.Node{at}
}

// valueOf is the value that belongs to a key node, nil where the node is no key.
func (d *document) valueOf(key *yaml.Node) *yaml.Node {
	var find func(n *yaml.Node) *yaml.Node
	find = func(n *yaml.Node) *yaml.Node {
		for i, each := range n.Content {
			if n.Kind == yaml.MappingNode && i%2 == 0 && each == key {
				return follow(n.Content[i+1])
			}
			if v := find(each); v != nil {
				return v
			}
		}
		return nil
	}
	return find(d.root)
}

func (c *composeFiles) lookup(name string) (string, bool) {
	v, ok := c.variables[name]
	return v, ok
}

// checkShape reports every violation of the Compose Specification's schema. A file that is merged onto others may be
// incomplete.
func (c *composeFiles) checkShape(doc *document, partial bool) {
	decoded, whole := doc.decode(doc.root, func(p Problem) { c.add(p); c.stuck = true })
	if !whole {
		c.stuck = true
		return
	}
	values, ok := decoded.(map[string]any)
	if !ok {
		if doc.root != nil || !partial {
			c.add(doc.problem(1, 0, 0, "a compose file is a mapping", "begin with services:"))
			c.stuck = true
		}
		return
	}
	found := composeShape().check(c.interpolate(doc, values))
	if c.renameAll(doc, found) { // what is below has not been checked
		c.checkShape(doc, partial)
		return
	}
	for _, v := range found {
		if v.missing && partial {
			continue
		}
		at, depth := doc.near(v.at)
		if !slices.Contains(doc.guessed, at) { // else the key is the mistake, not that its value is none of another key
			c.add(doc.problemAt(at, v.message, v.hint))
		}
		if v.missing || depth < len(v.at) {
			c.stuck = true
		} else {
			c.leaveOut(doc, at)
		}
	}
}

// interpolate puts the variables into a file's values. Where one cannot be, something else stands in its place.
func (c *composeFiles) interpolate(doc *document, values map[string]any) map[string]any {
	done, err := interpolation.Interpolate(values, c.interpolation())
	if err == nil {
		return done
	}
	if doc.further { // it may have variables of its own; the loader knows
		return done
	}
	for _, e := range split(err) {
		c.add(doc.interpolationProblem(e))
	}
	c.lenient = true
	done, err = interpolation.Interpolate(values, c.interpolation())
	c.stuck = c.stuck || err != nil
	return done
}
