package project

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/distribution/reference"
	"github.com/moby/buildkit/frontend/dockerfile/instructions"
	"github.com/moby/buildkit/frontend/dockerfile/parser"
)

// connect finds what each stage takes from where.
func (p *dockerfileParser) connect() {
	above := map[string]int{} // the stages that FROM sees
	for i, s := range p.parsed {
		p.Stages[i].From = p.from(i, above)
		if s.Name != "" {
			above[s.Name] = i
		}
	}
	for i := range p.parsed {
		stage := &p.Stages[i]
		if base := p.stageByKey(stage.From.Stage); base != nil {
			for _, c := range p.parsed[base.Index].Commands {
				if trigger, ok := c.(*instructions.OnbuildCommand); ok {
					stage.Copies = append(stage.Copies, p.triggered(trigger, stage.Line)...)
				}
			}
		}
		for _, c := range p.parsed[i].Commands {
			stage.Copies = append(stage.Copies, p.edges(c)...)
		}
	}
}

func (p *dockerfileParser) stageByKey(key string) *Stage {
	if i, ok := p.byKey[key]; ok {
		return &p.Stages[i]
	}
	return nil
}

func (p *dockerfileParser) from(i int, above map[string]int) Edge {
	written, line := p.parsed[i].BaseName, p.Stages[i].Line
	edge := Edge{Kind: EdgeFrom, Line: line}
	name, err := p.expand(written, p.args)
	if err != nil {
		p.failure(err, line)
		return edge
	}
	if platform, err := p.expand(p.parsed[i].Platform, p.args); err == nil {
		p.Stages[i].Platform = platform
	}
	if name == "" {
		p.report(line, fmt.Sprintf("FROM %s names nothing: its ARG has no value", written), "give the ARG a default above the first FROM, or set it in build.args")
		return edge
	}
	if p.setSource(&edge, name, above) || name == "scratch" {
		return edge
	}
	edge.Image = name
	if at, later := p.byName[strings.ToLower(name)]; later && at > i {
		p.warn(line, fmt.Sprintf("%q is taken for an image: the stage of that name comes only on line %d", name, p.Stages[at].Line), "FROM sees only the stages above it: move that stage up")
	}
	p.checkImage(name, written, line)
	return edge
}

// setSource points the edge at a named context or at a stage above.
func (p *dockerfileParser) setSource(edge *Edge, name string, above map[string]int) bool {
	if p.hasContext(name) {
		edge.Context = name
		return true
	}
	i, found := above[name]
	if found {
		edge.Stage = p.Stages[i].Key
	}
	return found
}

func (p *dockerfileParser) hasContext(name string) bool {
	for context := range p.NamedContexts {
		if strings.EqualFold(context, name) {
			return true
		}
	}
	return false
}

// checkImage reports a name that can be no image's, with what it may have meant. Written is the name before its ARGs.
func (p *dockerfileParser) checkImage(name, written string, line int) {
	if _, err := reference.ParseNormalizedNamed(name); err != nil {
		hint := "write an image, such as debian:12, or a stage above" + p.meantStage(name)
		if strings.Contains(written, "$") {
			hint = fmt.Sprintf("it is %s with what its ARGs stand for: give them a default above the first FROM, or set them in build.args", written)
		} else if at, ok := p.byName[strings.ToLower(name)]; ok {
			hint = fmt.Sprintf("write %q for the stage on line %d: FROM takes names in lower case", strings.ToLower(name), p.Stages[at].Line)
		}
		p.report(line, fmt.Sprintf("%q is neither a stage nor can it be an image: %v", name, err), hint)
	}
}

// meantStage says which stage a name may have meant, which is costly to find among many.
func (p *dockerfileParser) meantStage(name string) string {
	meant, known := p.meant[name]
	if !known {
		if p.meant == nil {
			p.meant = map[string]string{}
		}
		meant = didYouMean(strings.ToLower(name), p.stageNames())
		p.meant[name] = meant
	}
	return meant
}

// edges are where an instruction takes from, besides the build context.
func (p *dockerfileParser) edges(c instructions.Command) []Edge {
	line := lineOf(c.Location())
	switch c := c.(type) {
	case *instructions.CopyCommand:
		if c.From != "" {
			return p.edge(EdgeCopy, c.From, line)
		}
	case *instructions.RunCommand:
		var all []Edge
		for _, m := range instructions.GetMounts(c) {
			from := m.From
			if _, named := p.byName["scratch"]; from == "" && named {
				from = "scratch" // what a cache begins with: BuildKit looks for it by this name, too
			}
			if from != "" {
				all = append(all, p.edge(EdgeMount, from, line)...)
			}
		}
		return all
	}
	return nil
}

// edge resolves a --from: a named context, a stage by name, for COPY by its number as well, or else an image.
func (p *dockerfileParser) edge(kind EdgeKind, name string, line int) []Edge {
	edge := Edge{Kind: kind, Line: line}
	if strings.Contains(name, "$") {
		p.report(line, fmt.Sprintf("--from=%s uses a variable, which --from cannot", name), "add a stage, FROM "+name+" AS source, and take from that")
		return nil
	}
	if i, named := p.byName[strings.ToLower(name)]; p.hasContext(name) {
		edge.Context = name
	} else if named {
		edge.Stage = p.Stages[i].Key
	} else if i, err := strconv.Atoi(name); err == nil && kind == EdgeCopy {
		if i < 0 || i >= len(p.Stages) {
			p.report(line, fmt.Sprintf("there is no stage %d", i), fmt.Sprintf("stages count from 0; the last one is %d", len(p.Stages)-1))
			return nil
		}
		edge.Stage = p.Stages[i].Key
	} else if name != "scratch" {
		edge.Image = name
		p.checkImage(name, name, line)
		if meant := p.meantStage(name); meant != "" {
			p.warn(line, fmt.Sprintf("%q is taken for an image: no stage has that name", name), "name a stage"+meant)
		}
	}
	return []Edge{edge}
}

// triggered are the edges that an ONBUILD of the base stage brings into a stage.
func (p *dockerfileParser) triggered(trigger *instructions.OnbuildCommand, line int) []Edge {
	c, err := triggeredCommand(trigger)
	if err != nil {
		p.report(lineOf(trigger.Location()), err.Error(), "")
		return nil
	}
	all := p.edges(c)
	for i := range all {
		all[i].OnBuild, all[i].Line = true, line
	}
	return all
}

func triggeredCommand(trigger *instructions.OnbuildCommand) (instructions.Command, error) {
	tree, err := parser.Parse(strings.NewReader(trigger.Expression))
	if err != nil || len(tree.AST.Children) != 1 {
		return nil, errors.New("ONBUILD takes one instruction")
	}
	return instructions.ParseCommand(tree.AST.Children[0])
}

// fromBelow warns of what takes from a stage below, which a build of it refuses.
func (p *dockerfileParser) fromBelow() {
	for _, s := range p.Stages {
		for _, e := range s.Copies {
			if source := p.stageByKey(e.Stage); source != nil && source.Index > s.Index {
				p.warn(e.Line, fmt.Sprintf("a build of %s fails here: the stage %s comes only on line %d", s.Name, source.Name, source.Line), "a stage can take from those above it only: move that stage up")
			}
		}
	}
}

// cycle reports stages that wait for each other.
func (p *dockerfileParser) cycle() []Problem {
	after := map[string][]string{}
	lines := map[string]int{}
	for _, s := range p.Stages {
		lines[s.Key] = s.Line
		for _, e := range append([]Edge{s.From}, s.Copies...) {
			if e.Stage != "" {
				after[s.Key] = append(after[s.Key], e.Stage)
			}
		}
	}
	found := findCycle(after)
	if found == nil {
		return nil
	}
	for i, key := range found {
		found[i] = strings.TrimPrefix(key, keyOf(p.Key, ""))
	}
	first := p.stageByKey(keyOf(p.Key, found[0]))
	at := first.From.Line
	for _, e := range first.Copies {
		if e.Stage == keyOf(p.Key, found[1]) {
			at = e.Line
		}
	}
	p.report(at, "stages wait for each other: "+strings.Join(found, " → "), "take from a stage that needs none of these")
	last := p.problems[len(p.problems)-1]
	p.problems = p.problems[:len(p.problems)-1]
	return []Problem{last}
}
