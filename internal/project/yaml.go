package project

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strconv"
	"strings"

	goccy "github.com/goccy/go-yaml"
	goccyparser "github.com/goccy/go-yaml/parser"
	"go.yaml.in/yaml/v4"
)

// document is a YAML file whose values know where they were written. It is read with the library that compose-go
// reads with, so both see the same values.
type document struct {
	*source
	root    *yaml.Node   // nil for an empty file
	changed bool         // something was left out of the nodes: see repair
	further bool         // included or extended: it may have variables of its own, which compose-go knows
	guessed []*yaml.Node // keys that were given the name that is likely to be meant
}

// trail leads from a document's root to a value: keys, and indices as decimal numbers.
type trail []string

func (p trail) String() string { return strings.Join(p, ".") }

// with is p and more, never sharing memory with what others made of p.
func (p trail) with(more ...string) trail { return slices.Concat(p, more) }

func parseDocument(src *source) (*document, *Problem) {
	var n, second yaml.Node
	decoder := yaml.NewDecoder(bytes.NewReader(src.text))
	if err := decoder.Decode(&n); err != nil && !errors.Is(err, io.EOF) {
		p := src.syntaxProblem(err)
		return nil, &p
	}
	d := &document{source: src}
	if len(n.Content) > 0 {
		d.root = n.Content[0]
	}
	if n := scalarWith(d.root, "\x00"); n != nil {
		p := d.problemAt(n, `"\0" is a NUL character, which no value can hold`, "remove it")
		return nil, &p
	}
	switch err := decoder.Decode(&second); {
	case err == nil:
		p := d.problemAt(&second, "a second document begins here", "write it into a file of its own")
		return nil, &p
	case !errors.Is(err, io.EOF):
		p := src.syntaxProblem(err)
		return nil, &p
	}
	return d, nil
}

var yamlPosition = regexp.MustCompile(`line (\d+)(?:, column (\d+))?: (.*)$`)

// syntaxProblem prefers goccy's account of a syntax error, which is for people and has an exact position.
func (s *source) syntaxProblem(err error) Problem {
	_, other := goccyparser.ParseBytes(s.text, 0)
	if e, ok := errors.AsType[goccy.Error](other); ok && e.GetToken() != nil {
		at := e.GetToken().Position
		return s.problem(at.Line, at.Column, 0, "this is not valid YAML: "+e.GetMessage(), s.yamlHint(at.Line))
	}
	message := strings.TrimPrefix(err.Error(), "yaml: ")
	line, column := 0, 0
	if m := yamlPosition.FindStringSubmatch(message); m != nil {
		line, _ = strconv.Atoi(m[1])
		column, _ = strconv.Atoi(m[2])
		message = m[3]
	}
	return s.problem(line, column, 0, "this is not valid YAML: "+message, s.yamlHint(line))
}

// yamlHint is what to look for where a line is not YAML.
func (s *source) yamlHint(line int) string {
	if line >= 1 && line <= len(s.lines) && strings.HasPrefix(strings.TrimLeft(s.lines[line-1], " "), "\t") {
		return "indent with spaces: YAML allows no tabs there"
	}
	return "look at this line and those above it: spaces of indentation, a colon and a space after each key, brackets and quotes closed"
}

// field is an entry of a mapping.
type field struct{ key, value *yaml.Node }

// fields are the entries of a mapping, those merged with "<<" after its own; aliases are followed.
func fields(n *yaml.Node) []field {
	n = follow(n)
	if n == nil || n.Kind != yaml.MappingNode {
		return nil
	}
	var own, merged []field
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, value := n.Content[i], n.Content[i+1]
		if key.Value != "<<" || key.Style&(yaml.SingleQuotedStyle|yaml.DoubleQuotedStyle) != 0 {
			own = append(own, field{key, value})
			continue
		}
		if value = follow(value); value.Kind == yaml.SequenceNode {
			for _, each := range value.Content {
				merged = append(merged, fields(each)...)
			}
		} else {
			merged = append(merged, fields(value)...)
		}
	}
	for _, m := range merged {
		if !slices.ContainsFunc(own, func(o field) bool { return o.key.Value == m.key.Value }) {
			own = append(own, m)
		}
	}
	return own
}

func follow(n *yaml.Node) *yaml.Node {
	for n != nil && n.Kind == yaml.AliasNode {
		n = n.Alias
	}
	return n
}

// find returns the entry at p: its key (or list element) to point at, and its value. Both nil: there is none.
func (d *document) find(p trail) (at, value *yaml.Node) {
	at, value = d.root, d.root
	for _, name := range p {
		value = follow(value)
		if value == nil {
			return nil, nil
		}
		next := (*yaml.Node)(nil)
		switch value.Kind {
		case yaml.MappingNode:
			for _, f := range fields(value) {
				if f.key.Value == name {
					at, next = f.key, f.value
				}
			}
		case yaml.SequenceNode:
			if i, err := strconv.Atoi(name); err == nil && i >= 0 && i < len(value.Content) {
				at, next = value.Content[i], value.Content[i]
			}
		}
		if next == nil {
			return nil, nil
		}
		value = next
	}
	return at, follow(value)
}

// near is find for p or the closest thing above it that is there.
func (d *document) near(p trail) (at *yaml.Node, depth int) {
	for depth = len(p); depth > 0; depth-- {
		if at, _ := d.find(p[:depth]); at != nil {
			return at, depth
		}
	}
	return d.root, 0
}

// match returns where the paths of a pattern are in the document; "*" stands for any key, "[]" for any list element.
func (d *document) match(pattern []string) []*yaml.Node {
	return matchBelow(d.root, d.root, pattern)
}

func matchBelow(at, value *yaml.Node, pattern []string) []*yaml.Node {
	if len(pattern) == 0 {
		return []*yaml.Node{at}
	}
	var found []*yaml.Node
	value = follow(value)
	if value == nil {
		return nil
	}
	if pattern[0] == "[]" {
		if value.Kind == yaml.SequenceNode {
			for _, each := range value.Content {
				found = append(found, matchBelow(each, each, pattern[1:])...)
			}
		}
		return found
	}
	for _, f := range fields(value) {
		if pattern[0] == "*" || pattern[0] == f.key.Value {
			found = append(found, matchBelow(f.key, f.value, pattern[1:])...)
		}
	}
	return found
}

// problemAt is an error about a node of the document.
func (d *document) problemAt(n *yaml.Node, message, hint string) Problem {
	if n == nil {
		return d.problem(0, 0, 0, message, hint)
	}
	width := 0
	if n.Kind == yaml.ScalarNode && !strings.Contains(n.Value, "\n") && n.Style&(yaml.LiteralStyle|yaml.FoldedStyle) == 0 {
		width = len([]rune(n.Value))
		if n.Style&(yaml.SingleQuotedStyle|yaml.DoubleQuotedStyle) != 0 {
			width += 2
		}
	}
	return d.problem(n.Line, n.Column, width, message, hint)
}

// decode turns nodes into plain values as compose-go sees them; keys set twice and aliases that hold themselves are
// problems. What is tagged !reset is left out.
//
// Not whole: the file holds too much, so the rest is left out.
func (d *document) decode(n *yaml.Node, report func(Problem)) (v any, whole bool) {
	reader := &decoder{document: d, report: report}
	v = reader.value(n)
	return v, reader.values < maxValues
}

type decoder struct {
	*document
	report func(Problem)
	inside []*yaml.Node
	values int
}

// maxValues is how much a file may hold once its aliases are followed: a few lines can stand for more than any memory.
const maxValues = 200_000

func (d *decoder) value(n *yaml.Node) any {
	n = follow(n)
	if n == nil {
		return nil
	}
	if slices.Contains(d.inside, n) {
		d.report(d.problemAt(n, "this value contains itself", "remove the alias that leads back here"))
		return nil
	}
	if d.values++; d.values >= maxValues {
		if d.values == maxValues {
			d.report(d.problemAt(n, fmt.Sprintf("the file holds more than %d values once its aliases are followed", maxValues), "use fewer aliases"))
		}
		return nil
	}
	d.inside = append(d.inside, n)
	defer func() { d.inside = d.inside[:len(d.inside)-1] }()
	switch n.Kind {
	case yaml.MappingNode:
		return d.mapping(n)
	case yaml.SequenceNode:
		list := make([]any, 0, len(n.Content))
		for _, each := range n.Content {
			list = append(list, d.value(each))
		}
		return list
	}
	return scalar(n)
}

func (d *decoder) mapping(n *yaml.Node) any {
	d.reportTwins(n)
	m := map[string]any{}
	for _, f := range fields(n) {
		if f.value.Tag != "!reset" {
			m[f.key.Value] = d.value(f.value)
		}
	}
	return m
}

func (d *decoder) reportTwins(n *yaml.Node) {
	lines := map[string]int{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		key := n.Content[i]
		if first, twice := lines[key.Value]; twice {
			d.report(d.problemAt(key, fmt.Sprintf("%q is set twice; it was set on line %d before", key.Value, first), "remove one of the two"))
			continue
		}
		lines[key.Value] = key.Line
	}
}

func scalar(n *yaml.Node) any {
	var v any
	if err := n.Decode(&v); err != nil {
		return n.Value
	}
	return v
}
