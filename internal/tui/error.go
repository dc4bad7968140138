package tui

import (
	"context"
	"errors"
	"io"
	"regexp"
	"strings"

	"github.com/seaworthyhq/seaworthy/internal/release"
)

// Error shows a person what failed: the error, its excerpt or log as it is, and what to type next. It is silent about nil,
// about an error that a Renderer has shown, and about release.KindChanges, which is an answer.
func Error(w io.Writer, err error) {
	if err == nil || Shown(err) || release.KindOf(err) == release.KindChanges {
		return
	}
	o := Describe(w, ColorAuto)
	user, _ := errors.AsType[*release.UserError](err)
	var b strings.Builder
	writeHeaded(&b, o, errorTone(err), errorWord(err), message(err))
	if user != nil {
		writeDetail(&b, o, user.Detail)
		if user.Hint != "" {
			writeHeaded(&b, o, Active, "hint:", user.Hint)
		}
	}
	_, _ = io.WriteString(o, b.String()) // nobody is left to tell
}

func interrupted(err error) bool { return release.ExitCode(err) == release.KindInterrupted.ExitCode() }

func errorWord(err error) string {
	if interrupted(err) {
		return "stopped:"
	}
	return "error:"
}

func errorTone(err error) Tone {
	if interrupted(err) {
		return Warning
	}
	return Bad
}

func message(err error) string {
	if errors.Is(err, context.Canceled) && err.Error() == context.Canceled.Error() {
		return "interrupted"
	}
	return err.Error()
}

// writeHeaded writes a text after its head; further lines stand below the first.
func writeHeaded(b *strings.Builder, o Output, tone Tone, head, text string) {
	width := len(head)
	var lines []string
	for _, line := range cleanLines(text) {
		lines = append(lines, wrap(line, o.Width-width-1)...)
	}
	if len(lines) == 0 {
		lines = []string{"unknown"}
	}
	b.WriteString(o.Paint(tone, head) + " " + lines[0] + "\n")
	for _, line := range lines[1:] {
		if line != "" {
			line = strings.Repeat(" ", width+1) + line
		}
		b.WriteString(line + "\n")
	}
}

// beforeText is what stands before the text of a line: of an excerpt, its number.
var beforeText = regexp.MustCompile(`^ *([0-9]+ \| (>>>)? *)?`)

// writeDetail sets the detail apart by blank lines. What is too long for a line goes on below its text.
func writeDetail(b *strings.Builder, o Output, detail string) {
	lines := cleanLines(detail)
	if len(lines) == 0 {
		return
	}
	b.WriteString("\n")
	for _, line := range lines {
		at := beforeText.FindStringIndex(line)[1]
		for _, part := range hanging(o, "  "+line[:at], line[at:]) {
			b.WriteString(strings.TrimRight(part, " ") + "\n")
		}
	}
	b.WriteString("\n")
}
