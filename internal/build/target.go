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

// stageNames is how stages without a name are called where they need one. A stage's own name cannot begin with a digit,
// so "2" is always an index.
const stageNames = "stage-%d"

// addressed is the Dockerfile, and the name in it, that make the frontend build a stage that is given by index. The
// frontend knows stages by name only, so one that has none and is not the last is given one, in its own line: what comes
// before and after keeps its place.
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
	for _, n := range parsed.AST.Children {
		if strings.EqualFold(n.Value, command.From) {
			froms = append(froms, n)
		}
	}
	if index < 0 || index >= len(froms) {
		return dockerfile, stage
	}
	if name := nameOf(froms[index]); name != "" {
		return dockerfile, name
	}
	if index == len(froms)-1 {
		return dockerfile, ""
	}
	name := fmt.Sprintf(stageNames, index)
	lines := bytes.Split(dockerfile, []byte("\n"))
	last := froms[index].EndLine - 1
	lines = slices.Clone(lines)
	lines[last] = slices.Concat(bytes.TrimRight(lines[last], " \t\r"), []byte(" AS "+name))
	return bytes.Join(lines, []byte("\n")), name
}

// nameOf is the name that a FROM gives its stage: FROM image AS name.
func nameOf(from *parser.Node) string {
	for n := from.Next; n != nil && n.Next != nil; n = n.Next {
		if strings.EqualFold(n.Value, "as") {
			return n.Next.Value
		}
	}
	return ""
}
