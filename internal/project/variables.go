package project

import (
	"errors"
	"fmt"
	"regexp"
	"strings"

	"github.com/compose-spec/compose-go/v2/interpolation"
	"github.com/compose-spec/compose-go/v2/loader"
	"github.com/compose-spec/compose-go/v2/template"
	"github.com/compose-spec/compose-go/v2/types"
	"go.yaml.in/yaml/v4"
)

// interpolation is compose-go's, but it does not log what is unset: that is reported with its position.
func (c *composeFiles) interpolation() interpolation.Options {
	o := *loader.ToOptions(&types.ConfigDetails{}, nil).Interpolate
	o.LookupValue = c.lookup
	o.Substitute = c.substitute
	return o
}

func (c *composeFiles) substitute(s string, m template.Mapping) (string, error) {
	value, err := substituteQuietly(s, m)
	if err == nil || !c.lenient {
		return value, err
	}
	return substituteAnything(s, m), nil
}

// placeholder stands where a variable has no value although it has to have one: a port, a count, a part of a name.
const placeholder = "1"

func substituteAnything(s string, m template.Mapping) string {
	value, err := substituteQuietly(s, func(name string) (string, bool) {
		if v, set := m(name); set && v != "" {
			return v, true
		}
		return placeholder, true
	})
	if err != nil {
		return placeholder
	}
	return value
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
