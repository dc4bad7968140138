package build

import (
	"bytes"
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/moby/buildkit/frontend/dockerfile/command"
	"github.com/moby/buildkit/frontend/dockerfile/parser"
	dockerspec "github.com/moby/docker-image-spec/specs-go/v1"
)

// outline is a Dockerfile by its stages, as far as it takes to have the frontend build one of them.
type outline struct {
	text   []byte
	lines  [][]byte
	stages []stageOutline // none where the Dockerfile cannot be read: the frontend says what is wrong
	last   map[string]int // by name: the stage that the frontend finds
	takes  [][]int        // by index: the stages that a stage takes from; nil where that is not known
}

// stageOutline is one stage.
type stageOutline struct {
	from    *parser.Node
	name    string // in lower case; may be empty
	end     int    // the line behind its last one, from 0
	numbers bool   // it takes from stages by their numbers
}

// byNumber is how an instruction takes from a stage by its number.
var byNumber = regexp.MustCompile(`--from=["']?[0-9]`)

func outlineOf(dockerfile []byte, takes [][]int) *outline {
	o := &outline{text: dockerfile, lines: bytes.Split(dockerfile, []byte("\n")), last: map[string]int{}}
	parsed, err := parser.Parse(bytes.NewReader(dockerfile))
	if err != nil {
		return o
	}
	for _, n := range parsed.AST.Children {
		if strings.EqualFold(n.Value, command.From) {
			name := nameOf(n)
			o.last[name] = len(o.stages)
			o.stages = append(o.stages, stageOutline{from: n, name: name})
		}
		if len(o.stages) > 0 {
			s := &o.stages[len(o.stages)-1]
			s.end, s.numbers = n.EndLine, s.numbers || byNumber.MatchString(n.Original)
		}
	}
	if len(takes) == len(o.stages) {
		o.takes = takes
	}
	return o
}

// index finds the stage that a target names, by name or index, or the last one.
func (o *outline) index(target string) (int, bool) {
	if target == "" {
		return len(o.stages) - 1, len(o.stages) > 0
	}
	if i, err := strconv.Atoi(target); err == nil {
		return i, i >= 0 && i < len(o.stages)
	}
	i, ok := o.last[strings.ToLower(target)]
	return i, ok
}

// address is the Dockerfile, and the name in it, that make the frontend build a stage. The frontend finds stages by name only, and
// of several with one name the last. So one that it does not find is given a name of its own, in its own line: what comes before
// and after keeps its place. Of what goes into a stage nothing can be FROM it, so nobody misses the name that it had.
func (o *outline) address(target string) ([]byte, string) {
	index, ok := o.index(target)
	if !ok {
		return o.text, target
	}
	name, renamed := o.named(index)
	if renamed.text == nil {
		return o.text, name
	}
	lines := slices.Clone(o.lines)
	lines[renamed.line] = renamed.text
	return bytes.Join(lines, []byte("\n")), name
}

// cutOut is like address, without the stages that the target does not need: blank lines stand in their place. The frontend
// works its way through all stages of what it is given, so that many targets of many stages would cost the square of them. It is
// false where all has to stay.
func (o *outline) cutOut(target string) ([]byte, string, bool) {
	index, ok := o.index(target)
	if !ok || o.takes == nil {
		return nil, "", false
	}
	needed := o.needed(index)
	if len(needed) == len(o.stages) {
		return nil, "", false
	}
	numbers, last := false, 0
	for i := range needed {
		numbers, last = numbers || o.stages[i].numbers, max(last, i)
	}
	name, renamed := o.named(index)
	var b bytes.Buffer
	keep := func(from, to int) {
		for i, text := range o.lines[from:to] {
			if renamed.text != nil && from+i == renamed.line {
				text = renamed.text
			}
			b.Write(text)
			b.WriteByte('\n')
		}
	}
	next := 0 // line
	for i, s := range o.stages[:last+1] {
		from := s.from.StartLine - 1
		keep(next, from)
		if next = s.end; needed[i] {
			keep(from, next)
			continue
		}
		if numbers { // it counts
			b.WriteString("FROM scratch")
		}
		b.Write(bytes.Repeat([]byte("\n"), next-from))
	}
	return b.Bytes(), name, true
}

// needed are a stage and all that it takes from, directly or not.
func (o *outline) needed(index int) map[int]bool {
	needed := map[int]bool{index: true}
	for todo := []int{index}; len(todo) > 0; {
		next := o.takes[todo[0]]
		todo = todo[1:]
		for _, i := range next {
			if !needed[i] {
				needed[i] = true
				todo = append(todo, i)
			}
		}
	}
	return needed
}

// stages are those that the target needs, as far as that is known.
func (s *targetSolve) stages() (all []Stage) {
	outline, written := s.outlines[s.target.Variant](), s.req.variants()[s.target.Variant].Stages
	index, ok := outline.index(s.target.Stage)
	if !ok || outline.takes == nil || len(written) != len(outline.stages) {
		return nil
	}
	for i := range outline.needed(index) {
		all = append(all, written[i])
	}
	return all
}

// renamed is a line of the Dockerfile in which a stage has another name; without a text none has.
type renamed struct {
	line int // from 0
	text []byte
}

// named is the name by which the frontend finds a stage, and the line that has to give it one for that.
func (o *outline) named(index int) (string, renamed) {
	s := o.stages[index]
	switch {
	case s.name != "" && o.last[s.name] == index:
		return s.name, renamed{}
	case s.name == "" && index == len(o.stages)-1:
		return "", renamed{}
	}
	name := fmt.Sprintf("stage-%d", index)
	for {
		if _, taken := o.last[name]; !taken {
			return name, o.rename(s, name)
		}
		name += "-unnamed"
	}
}

// rename gives a stage another name.
func (o *outline) rename(s stageOutline, name string) renamed {
	for i := s.from.EndLine - 1; i >= s.from.StartLine-1; i-- { // continuation lines may end with comments
		text := bytes.TrimRight(o.lines[i], " \t\r")
		switch {
		case s.name == "":
			return renamed{i, slices.Concat(text, []byte(" AS "+name))}
		case bytes.HasSuffix(bytes.ToLower(text), []byte(s.name)):
			return renamed{i, slices.Concat(text[:len(text)-len(s.name)], []byte(name))}
		}
	}
	return renamed{}
}

// nameOf is the name that a FROM gives its stage, in lower case: FROM image AS name.
func nameOf(from *parser.Node) string {
	for n := from.Next; n != nil && n.Next != nil; n = n.Next {
		if strings.EqualFold(n.Value, "as") {
			return strings.ToLower(n.Next.Value)
		}
	}
	return ""
}

// triggersTaking reports whether an image has an ONBUILD that may take from stages of the Dockerfile, which nobody knew before.
func triggersTaking(config []byte) bool {
	var img dockerspec.DockerOCIImage
	if err := json.Unmarshal(config, &img); err != nil {
		return false
	}
	return slices.ContainsFunc(img.Config.OnBuild, func(trigger string) bool { return strings.Contains(trigger, "from=") })
}
