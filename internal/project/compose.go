package project

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/compose-spec/compose-go/v2/interpolation"
	"github.com/compose-spec/compose-go/v2/loader"
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
		return
	}
	further, p := parseDocument(src)
	if p != nil {
		c.add(*p)
		return
	}
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
	values, ok := doc.decode(doc.root, func(p Problem) { c.add(p) }).(map[string]any)
	if !ok {
		if doc.root != nil || !partial {
			c.add(doc.problem(1, 0, 0, "a compose file is a mapping", "begin with services:"))
		}
		return
	}
	values, err := interpolation.Interpolate(values, c.interpolation())
	for _, e := range split(err) {
		c.add(doc.interpolationProblem(e))
	}
	for _, v := range composeShape().check(values) {
		if v.missing && partial {
			continue
		}
		at, _ := doc.near(v.at)
		c.add(doc.problemAt(at, v.message, v.hint))
	}
}

// interpolation is compose-go's, but it does not log what is unset: that is reported with its position.
func (c *composeFiles) interpolation() interpolation.Options {
	o := *loader.ToOptions(&types.ConfigDetails{}, nil).Interpolate
	o.LookupValue = c.lookup
	o.Substitute = substituteQuietly
	return o
}

func substituteQuietly(s string, m template.Mapping) (string, error) {
	if !strings.Contains(s, "$") {
		return s, nil
	}
	return template.SubstituteWithOptions(s, m, template.WithoutLogging)
}

func split(err error) []error {
	if many, ok := err.(interface{ Unwrap() []error }); ok {
		var all []error
		for _, e := range many.Unwrap() {
			all = append(all, split(e)...)
		}
		return all
	}
	if err == nil {
		return nil
	}
	return []error{err}
}

var pathInMessage = regexp.MustCompile(`\b(services|networks|volumes|secrets|configs|include|jobs|models)(\.[^\s:'"]+)+`)

// interpolationProblem finds the value that an error of compose-go's interpolation is about; it names a path in which
// "[]" is any element.
func (d *document) interpolationProblem(err error) Problem {
	message, hint := err.Error(), "give it a value in .env, or a default: ${NAME:-default}"
	at := pathInMessage.FindString(message)
	if _, ok := errors.AsType[*template.InvalidTemplateError](err); ok {
		message, hint = "this is not how a variable is written", "write ${NAME}; a $ that means itself is written $$"
	} else if _, rest, found := strings.Cut(message, at+": "); found {
		message = rest
	}
	nodes := d.match(strings.Split(strings.TrimRight(at, "."), "."))
	for _, n := range nodes {
		if v := d.valueOf(n); v != nil {
			n = v
		}
		if strings.Contains(n.Value, "$") {
			return d.problemAt(n, message, hint)
		}
	}
	n, _ := d.near(strings.Split(at, "."))
	return d.problemAt(n, message, hint)
}

var variable = regexp.MustCompile(`\$\$|\$(?:([A-Za-z_][A-Za-z0-9_]*)|\{([A-Za-z_][A-Za-z0-9_]*)\})`)

// warnUnset reports variables that have neither value nor default: they are replaced by nothing.
func (c *composeFiles) warnUnset(doc *document) {
	var walk func(n *yaml.Node)
	walk = func(n *yaml.Node) {
		for i, each := range n.Content {
			if n.Kind != yaml.MappingNode || i%2 == 1 {
				walk(each)
			}
		}
		if n.Kind != yaml.ScalarNode || !strings.Contains(n.Value, "$") {
			return
		}
		for _, m := range variable.FindAllStringSubmatch(n.Value, -1) {
			name := m[1] + m[2]
			if _, set := c.lookup(name); !set && name != "" {
				p := doc.problemAt(n, fmt.Sprintf("the variable %s is not set, so nothing stands in its place", name), fmt.Sprintf("set it in .env, or write ${%s:-default}", name))
				p.Severity = Warning
				c.add(p)
			}
		}
	}
	if doc.root != nil {
		walk(doc.root)
	}
}

// load merges the files. What the schema forbids has been reported before, so compose-go need not compile it.
func (c *composeFiles) load(ctx context.Context) bool {
	details := types.ConfigDetails{WorkingDir: c.dir, Environment: maps.Clone(c.variables)}
	for _, doc := range c.main {
		details.ConfigFiles = append(details.ConfigFiles, types.ConfigFile{Filename: doc.path, Content: doc.text})
	}
	configure := func(o *loader.Options) {
		o.SetProjectName(c.name, true)
		o.SkipValidation = true
		o.SkipNormalization = true
		o.SkipConsistencyCheck = true
		o.SkipResolveEnvironment = true
		o.SkipResolveLabels = true
		o.Interpolate.Substitute = substituteQuietly
		o.Profiles = c.profiles
	}
	model, err := loader.LoadModelWithContext(ctx, details, configure)
	if err != nil {
		c.fail(err)
		return false
	}
	delete(model, "version")
	model["name"] = c.name
	c.model = cloneModel(model).(map[string]any)
	if model, err = loader.Normalize(model, details.Environment); err == nil {
		c.project, err = loader.ModelToProject(model, loader.ToOptions(&details, []func(*loader.Options){configure}), details)
	}
	if err != nil {
		c.fail(err)
		return false
	}
	return true
}

func cloneModel(v any) any {
	switch v := v.(type) {
	case map[string]any:
		m := make(map[string]any, len(v))
		for k, each := range v {
			m[k] = cloneModel(each)
		}
		return m
	case []any:
		list := make([]any, len(v))
		for i, each := range v {
			list[i] = cloneModel(each)
		}
		return list
	}
	return v
}
