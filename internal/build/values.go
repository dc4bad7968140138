package build

import (
	"bytes"
	"regexp"
	"slices"
	"strings"

	"github.com/moby/buildkit/frontend/dockerfile/instructions"
	"github.com/moby/buildkit/frontend/dockerfile/parser"
	"github.com/moby/buildkit/solver/pb"
)

// values are what a Dockerfile and a request say of arguments and variables.
type values struct {
	arguments map[string]bool
	told      map[string]string // what tells the values of one name, wherever it gets one, from others
	chosen    map[int][]string  // names that a stage's FROM refers to, by its line
}

// read makes sense of the Dockerfile, with these arguments; where that cannot be done, there are fewer reasons.
func (e *explainer) read(args map[string]string) values {
	said := map[string][]string{}
	w := values{arguments: map[string]bool{}, told: map[string]string{}, chosen: map[int][]string{}}
	argument := func(all []instructions.KeyValuePairOptional) {
		for _, a := range all {
			w.arguments[a.Key] = true
			said[a.Key] = append(said[a.Key], a.ValueString())
		}
	}
	if parsed, err := parser.Parse(bytes.NewReader(e.req.Dockerfile)); err == nil {
		stages, global, err := instructions.Parse(parsed.AST, nil)
		if err != nil {
			stages, global = nil, nil
		}
		for _, a := range global {
			argument(a.Args)
		}
		for _, s := range stages {
			for _, found := range referred.FindAllStringSubmatch(s.BaseName, -1) {
				line := s.Location[0].Start.Line
				w.chosen[line] = append(w.chosen[line], found[1])
			}
			for _, c := range s.Commands {
				switch c := c.(type) {
				case *instructions.ArgCommand:
					argument(c.Args)
				case *instructions.EnvCommand:
					for _, v := range c.Env {
						said[v.Key] = append(said[v.Key], v.Value)
					}
				}
			}
		}
	}
	for name, value := range args {
		w.arguments[name] = true
		said[name] = append(said[name], "="+value)
	}
	for name, all := range said {
		w.told[name] = tell(all)
	}
	return w
}

// argumentsAmong are the names that are build arguments.
func (e *explainer) argumentsAmong(variant int, uses map[string]string) (names []string) {
	for name := range uses {
		if e.values[variant]().arguments[name] {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// chosen tells the values that choose what stages are FROM, by name.
func (e *explainer) chosen(variant int, steps []string) map[string]string {
	var all map[string]string
	v := e.values[variant]()
	for _, s := range e.progress.written[variant] {
		if !slices.Contains(steps, s.Key) {
			continue
		}
		for _, name := range v.chosen[s.Line] {
			if all == nil {
				all = map[string]string{}
			}
			all[name] = v.told[name]
		}
	}
	return all
}

var referred = regexp.MustCompile(`\$\{?([A-Za-z_][A-Za-z0-9_]*)`)

// uses tells the values that an operation knows and that the Dockerfile or the request speaks of, by name: those that RUN is given,
// and those that the text of another instruction refers to. What else RUN is given its base image has, which is told as such.
func (e *explainer) uses(variant int, op *pb.Op, text string) map[string]string {
	all, told := map[string]string{}, e.values[variant]().told
	if exec := op.GetExec(); exec != nil {
		for _, v := range exec.GetMeta().GetEnv() {
			name, value, _ := strings.Cut(v, "=")
			if _, known := told[name]; known {
				all[name] = tell(value)
			}
		}
		return all
	}
	for _, found := range referred.FindAllStringSubmatch(text, -1) {
		if value, known := told[found[1]]; known {
			all[found[1]] = value
		}
	}
	return all
}
