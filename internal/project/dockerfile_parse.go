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
	given    [][]string        // by index of a stage: the arguments that it declares, with what they are
	byName   map[string]int    // of stages with a name: their index, of several with one name the last
	byKey    map[string]int    // of all stages: their index
	meant    map[string]string // by what was written: the stage that it may have meant
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
	cycle := p.cycle()
	p.problems = append(p.problems, cycle...)
	if len(cycle) == 0 {
		p.fromBelow()
		p.sums()
	}
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

func (p *dockerfileParser) expand(word string, env ...map[string]string) (string, error) {
	v, _, err := p.lex.ProcessWord(word, variables(env))
	return v, err
}

// variables are what words are expanded with; the first map that has one decides.
type variables []map[string]string

func (v variables) Get(name string) (string, bool) {
	for _, env := range v {
		if value, ok := env[name]; ok {
			return value, true
		}
	}
	return "", false
}

func (v variables) Keys() []string {
	var all []string
	for _, env := range v {
		all = slices.AppendSeq(all, maps.Keys(env))
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// name gives each stage its key. Of stages with the same name, BuildKit finds the last; the others are asked for by index.
func (p *dockerfileParser) name() {
	p.byName, p.byKey = map[string]int{}, map[string]int{}
	for i, s := range p.parsed {
		if s.Name != "" {
			p.byName[s.Name] = i
		}
	}
	earlier := map[string]int{} // of stages with one name, how many came before
	for i, s := range p.parsed {
		stage := Stage{Name: s.Name, Index: i, Last: i == len(p.parsed)-1, Line: lineOf(s.Location), End: endOf(s.Location)}
		switch last, named := p.byName[s.Name]; {
		case named && last == i:
			stage.Target = s.Name
		case named:
			earlier[s.Name]++
			stage.Name, stage.Target = p.free(fmt.Sprintf("%s-%d", s.Name, earlier[s.Name])), strconv.Itoa(i)
			p.warn(stage.Line, fmt.Sprintf("the stage on line %d is named %q, too: this one is called %s", lineOf(p.parsed[last].Location), s.Name, stage.Name), "give one of them another name")
		case !stage.Last:
			stage.Name, stage.Target = p.free(fmt.Sprintf("stage-%d", i)), strconv.Itoa(i)
		default:
			stage.Name = p.free(fmt.Sprintf("stage-%d", i))
		}
		stage.Key = keyOf(p.Key, stage.Name)
		p.byKey[stage.Key] = i
		for _, c := range s.Commands {
			stage.Instructions = append(stage.Instructions, instructionOf(c))
			stage.End = max(stage.End, endOf(c.Location()))
		}
		p.Stages = append(p.Stages, stage)
	}
}

// free is the name, or one like it where a stage has just that name.
func (p *dockerfileParser) free(name string) string {
	for {
		_, named := p.byName[name]
		_, called := p.byKey[keyOf(p.Key, name)]
		if !named && !called {
			return name
		}
		name += "-unnamed"
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
