package build

import (
	"bytes"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/moby/buildkit/frontend/dockerfile/command"
	"github.com/moby/buildkit/frontend/dockerfile/parser"
)

// addressed is the Dockerfile, and the name in it, that make the frontend build a stage that is given by index. The
// frontend finds stages by name only, and of several with one name the last. So one that it does not find is given a name of its
// own, in its own line: what comes before and after keeps its place. Of what goes into a stage nothing can be FROM it, so
// nobody misses the name that it had.
func addressed(dockerfile []byte, stage string) ([]byte, string) {
	index, err := strconv.Atoi(stage)
	if err != nil {
		return dockerfile, stage
	}
	parsed, err := parser.Parse(bytes.NewReader(dockerfile))
	if err != nil {
		return dockerfile, stage // the frontend says what is wrong
	}
	var froms []*parser.Node
	last := map[string]int{} // by name
	for _, n := range parsed.AST.Children {
		if strings.EqualFold(n.Value, command.From) {
			last[nameOf(n)] = len(froms)
			froms = append(froms, n)
		}
	}
	if index < 0 || index >= len(froms) {
		return dockerfile, stage
	}
	switch name := nameOf(froms[index]); {
	case name != "" && last[name] == index:
		return dockerfile, name
	case name == "" && index == len(froms)-1:
		return dockerfile, ""
	default:
		fresh := freshName(index, last)
		return renamed(dockerfile, froms[index], name, fresh), fresh
	}
}

// freshName is a name for a stage that no other one has.
func freshName(index int, taken map[string]int) string {
	name := fmt.Sprintf("stage-%d", index)
	for {
		if _, ok := taken[name]; !ok {
			return name
		}
		name += "-unnamed"
	}
}

// renamed is the Dockerfile with another name for the stage of a FROM, which has the name was or none.
func renamed(dockerfile []byte, from *parser.Node, was, name string) []byte {
	lines := slices.Clone(bytes.Split(dockerfile, []byte("\n")))
	for i := from.EndLine - 1; i >= from.StartLine-1; i-- { // continuation lines may end with comments
		text := bytes.TrimRight(lines[i], " \t\r")
		switch {
		case was == "":
			lines[i] = slices.Concat(text, []byte(" AS "+name))
		case bytes.HasSuffix(bytes.ToLower(text), []byte(was)):
			lines[i] = slices.Concat(text[:len(text)-len(was)], []byte(name))
		default:
			continue
		}
		break
	}
	return bytes.Join(lines, []byte("\n"))
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
