package cause

import (
	"fmt"
	"strings"
)

// Written is the operation as the Dockerfile has it, and where: "COPY . . (Dockerfile:3)".
func (o Operation) Written() string {
	text := FirstLine(o.Text)
	if o.Line > 0 {
		text += fmt.Sprintf(" (%s:%d)", o.File, o.Line)
	}
	return text
}

// listed is how many bytes of a line a list shows at most.
const listed = 80

// FirstLine is what a list shows of an instruction.
func FirstLine(text string) string {
	line, _, more := strings.Cut(text, "\n")
	line = strings.TrimSuffix(line, " \\")
	if len(line) > listed {
		line, more = strings.ToValidUTF8(line[:listed], ""), true
	}
	if more {
		line += " …"
	}
	return line
}

// imageOf is the reference and the digest that a source brings in.
func (o Operation) imageOf() (ref, digest string) {
	ref, digest, _ = strings.Cut(strings.TrimPrefix(o.Source, ImageSource), "@")
	ref = strings.TrimPrefix(strings.TrimPrefix(ref, "docker.io/"), "library/")
	return ref, digest
}
