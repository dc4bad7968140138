package project

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/containerd/platforms"
	"github.com/distribution/reference"
	"github.com/moby/buildkit/frontend/dockerfile/instructions"
	"github.com/moby/buildkit/frontend/dockerfile/parser"
	"github.com/moby/buildkit/frontend/dockerfile/shell"
)

// parseStages fills in what the text of d says, and returns all that is wrong with it. It resolves names as BuildKit's
// frontend does (frontend/dockerfile/dockerfile2llb/convert.go): FROM sees stages above it, everything else sees all.
func (d *Dockerfile) parseStages(src *source) []Problem {
	d.Source = string(src.text)
	d.Syntax, _, _, _ = parser.DetectSyntax(src.text)
	p := &dockerfileParser{Dockerfile: d, src: src}
	p.parse()
	return p.problems
}

type dockerfileParser struct {
	*Dockerfile
	src      *source
	problems []Problem
	lex      *shell.Lex
	args     map[string]string // what FROM can use: ARGs above the first FROM, and the platform
	parsed   []instructions.Stage
	byName   map[string]int
}

func (p *dockerfileParser) report(line int, message, hint string) {
	width := 0
	column := 0
	if line > 0 && line <= len(p.src.lines) {
		text := strings.TrimRight(p.src.lines[line-1], " \t\r")
		trimmed := strings.TrimLeft(text, " \t")
		column = len([]rune(text)) - len([]rune(trimmed)) + 1
		width = len([]rune(trimmed))
	}
	p.problems = append(p.problems, p.src.problem(line, column, width, message, hint))
}

func (p *dockerfileParser) warn(line int, message, hint string) {
	p.report(line, message, hint)
	p.problems[len(p.problems)-1].Severity = Warning
}

// failure reports an error of BuildKit's parser, which knows its lines.
func (p *dockerfileParser) failure(err error, line int) {
	if at, ok := errors.AsType[*parser.LocationError](err); ok && len(at.Locations) > 0 && len(at.Locations[0]) > 0 {
		line = at.Locations[0][0].Start.Line
	}
	hint := ""
	message := err.Error()
	if said, suggestion, ok := strings.Cut(message, " (did you mean "); ok {
		message, hint = said, "did you mean "+strings.TrimSuffix(strings.TrimSuffix(suggestion, ")"), "?")+"?"
	}
	p.report(line, message, hint)
}

func (p *dockerfileParser) parse() {
	tree, err := parser.Parse(bytes.NewReader(p.src.text))
	if err != nil {
		p.failure(err, 0)
		return
	}
	p.lex = shell.NewLex(tree.EscapeToken)
	p.args = platformArgs()
	for name := range p.args {
		if v, ok := p.Args[name]; ok {
			p.args[name] = v
		}
	}
	p.readInstructions(tree.AST)
	if len(p.problems) > 0 {
		return
	}
	if len(p.parsed) == 0 {
		p.report(0, "there is no FROM", "begin with the image to build on: FROM debian:12")
		return
	}
	p.name()
	p.connect()
	p.configure()
	p.problems = append(p.problems, p.cycle()...)
}

// platformArgs are the ARGs that BuildKit sets by itself.
func platformArgs() map[string]string {
	here := platforms.DefaultSpec()
	args := map[string]string{"TARGETSTAGE": "default"}
	for _, side := range []string{"BUILD", "TARGET"} {
		args[side+"PLATFORM"] = platforms.Format(here)
		args[side+"OS"], args[side+"ARCH"], args[side+"VARIANT"], args[side+"OSVERSION"] = here.OS, here.Architecture, here.Variant, here.OSVersion
	}
	return args
}

// readInstructions goes on after an error, so that all are found at once.
func (p *dockerfileParser) readInstructions(ast *parser.Node) {
	for _, node := range ast.Children {
		parsed, err := instructions.ParseInstruction(node)
		if err != nil {
			p.failure(err, node.StartLine)
			continue
		}
		switch c := parsed.(type) {
		case *instructions.Stage:
			p.parsed = append(p.parsed, *c)
		case *instructions.ArgCommand:
			if len(p.parsed) == 0 {
				p.metaArg(c)
				continue
			}
			p.parsed[len(p.parsed)-1].AddCommand(c)
		case instructions.Command:
			if len(p.parsed) == 0 {
				p.report(node.StartLine, strings.ToUpper(node.Value)+" stands before the first FROM", "only ARG may stand there: move it below FROM")
				continue
			}
			p.parsed[len(p.parsed)-1].AddCommand(c)
		}
	}
}

func (p *dockerfileParser) metaArg(c *instructions.ArgCommand) {
	for _, arg := range c.Args {
		if given, ok := p.Args[arg.Key]; ok {
			p.args[arg.Key] = given
		} else if arg.Value != nil {
			v, err := p.expand(*arg.Value, p.args)
			if err != nil {
				p.failure(err, lineOf(c.Location()))
				continue
			}
			p.args[arg.Key] = v
		}
	}
}

func (p *dockerfileParser) expand(word string, env map[string]string) (string, error) {
	pairs := make([]string, 0, len(env))
	for _, name := range slices.Sorted(maps.Keys(env)) {
		pairs = append(pairs, name+"="+env[name])
	}
	v, _, err := p.lex.ProcessWord(word, shell.EnvsFromSlice(pairs))
	return v, err
}

// name gives each stage its key. Of stages with the same name, BuildKit finds the last.
func (p *dockerfileParser) name() {
	p.byName = map[string]int{}
	for i, s := range p.parsed {
		if s.Name == "" {
			continue
		}
		if first, twice := p.byName[s.Name]; twice {
			p.warn(lineOf(s.Location), fmt.Sprintf("a second stage is named %q; the one on line %d cannot be asked for any more", s.Name, lineOf(p.parsed[first].Location)), "give one of them another name")
		}
		p.byName[s.Name] = i
	}
	for i, s := range p.parsed {
		stage := Stage{Name: s.Name, Index: i, Last: i == len(p.parsed)-1, Line: lineOf(s.Location), End: endOf(s.Location)}
		if last, named := p.byName[s.Name]; named && last == i {
			stage.Target = s.Name
		} else {
			stage.Name = fmt.Sprintf("stage-%d", i)
		}
		stage.Key = keyOf(p.Key, stage.Name)
		for _, c := range s.Commands {
			stage.Instructions = append(stage.Instructions, instructionOf(c))
			stage.End = max(stage.End, endOf(c.Location()))
		}
		p.Stages = append(p.Stages, stage)
	}
}

func instructionOf(c instructions.Command) Instruction {
	text := c.Name()
	if s, ok := c.(fmt.Stringer); ok {
		text = s.String()
	}
	return Instruction{Line: lineOf(c.Location()), End: endOf(c.Location()), Name: strings.ToUpper(c.Name()), Text: text}
}

func lineOf(at []parser.Range) int {
	if len(at) == 0 {
		return 0
	}
	return at[0].Start.Line
}

func endOf(at []parser.Range) int {
	end := 0
	for _, r := range at {
		end = max(end, r.End.Line)
	}
	return end
}

// connect finds what each stage takes from where.
func (p *dockerfileParser) connect() {
	for i := range p.parsed {
		p.Stages[i].From = p.from(i)
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
	for i := range p.Stages {
		if key != "" && p.Stages[i].Key == key {
			return &p.Stages[i]
		}
	}
	return nil
}

func (p *dockerfileParser) from(i int) Edge {
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
	if p.setSource(&edge, name, i) || name == "scratch" {
		return edge
	}
	edge.Image = name
	if at, later := p.byName[strings.ToLower(name)]; later && at > i {
		p.warn(line, fmt.Sprintf("%q is taken for an image: the stage of that name comes only on line %d", name, p.Stages[at].Line), "FROM sees only the stages above it: move that stage up")
	}
	p.checkImage(name, line)
	return edge
}

// setSource points the edge at a named context or at a stage above the given one.
func (p *dockerfileParser) setSource(edge *Edge, name string, below int) bool {
	if p.hasContext(name) {
		edge.Context = name
		return true
	}
	for i := below - 1; i >= 0; i-- {
		if p.parsed[i].Name == name && name != "" {
			edge.Stage = p.Stages[i].Key
			return true
		}
	}
	return false
}

func (p *dockerfileParser) hasContext(name string) bool {
	for context := range p.NamedContexts {
		if strings.EqualFold(context, name) {
			return true
		}
	}
	return false
}

// checkImage reports a name that can be no image's, with the stage it may have meant.
func (p *dockerfileParser) checkImage(name string, line int) {
	if _, err := reference.ParseNormalizedNamed(name); err != nil {
		hint := "write an image, such as debian:12, or a stage above" + didYouMean(strings.ToLower(name), p.stageNames())
		if at, ok := p.byName[strings.ToLower(name)]; ok {
			hint = fmt.Sprintf("write %q for the stage on line %d: FROM takes names in lower case", strings.ToLower(name), p.Stages[at].Line)
		}
		p.report(line, fmt.Sprintf("%q is neither a stage nor can it be an image: %v", name, err), hint)
	}
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
			if m.From != "" {
				all = append(all, p.edge(EdgeMount, m.From, line)...)
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
		p.checkImage(name, line)
	}
	return []Edge{edge}
}

// triggered are the edges that an ONBUILD of the base stage brings into a stage.
func (p *dockerfileParser) triggered(trigger *instructions.OnbuildCommand, line int) []Edge {
	tree, err := parser.Parse(strings.NewReader(trigger.Expression))
	if err != nil || len(tree.AST.Children) != 1 {
		p.report(lineOf(trigger.Location()), "ONBUILD takes one instruction", "")
		return nil
	}
	c, err := instructions.ParseCommand(tree.AST.Children[0])
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

// findCycle returns the names along a cycle, the first one again at the end, or nil. It starts with the first name in
// alphabetical order, so the answer is always the same.
func findCycle(after map[string][]string) []string {
	const inside, done = 1, 2
	state := map[string]int{}
	var walk func(name string, way []string) []string
	walk = func(name string, way []string) []string {
		way = append(way, name)
		switch state[name] {
		case done:
			return nil
		case inside:
			return slices.Clone(way[slices.Index(way, name):])
		}
		state[name] = inside
		for _, next := range after[name] {
			if found := walk(next, way); found != nil {
				return found
			}
		}
		state[name] = done
		return nil
	}
	for _, name := range slices.Sorted(maps.Keys(after)) {
		if found := walk(name, nil); found != nil {
			return found
		}
	}
	return nil
}
