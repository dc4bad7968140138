package project

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/seaworthyhq/seaworthy/internal/event"
	"github.com/seaworthyhq/seaworthy/internal/release"
)

// Severity says whether a problem stops the project from being used.
type Severity string

// The severities. Info is worth knowing, Warning is likely not what was meant, Error stops.
const (
	Info    Severity = "info"
	Warning Severity = "warning"
	Error   Severity = "error"
)

// Problem is something in the project's files that its author should know.
type Problem struct {
	Severity Severity `json:"severity"`
	File     string   `json:"file,omitempty"`   // relative to the project's directory where it is inside
	Line     int      `json:"line,omitempty"`   // from 1; 0: the file as a whole
	Column   int      `json:"column,omitempty"` // from 1, in characters
	Message  string   `json:"message"`
	Hint     string   `json:"hint,omitempty"`    // what to do
	Excerpt  string   `json:"excerpt,omitempty"` // lines of the file with a caret below; may be empty
}

// Position is file:line:column, as far as it is known.
func (p Problem) Position() string {
	switch {
	case p.Line == 0:
		return p.File
	case p.Column == 0:
		return fmt.Sprintf("%s:%d", p.File, p.Line)
	}
	return fmt.Sprintf("%s:%d:%d", p.File, p.Line, p.Column)
}

// String is the problem as people are shown it, over several lines, without a line end.
func (p Problem) String() string {
	var b strings.Builder
	if at := p.Position(); at != "" {
		b.WriteString(at + ": ")
	}
	if p.Severity != Error {
		b.WriteString(string(p.Severity) + ": ")
	}
	b.WriteString(p.Message)
	if p.Excerpt != "" {
		b.WriteString("\n" + p.Excerpt)
	}
	if p.Hint != "" {
		b.WriteString("\n  " + p.Hint)
	}
	return b.String()
}

// Event is the problem as a message of the stream.
func (p Problem) Event() event.Event {
	level := event.Warn
	if p.Severity == Info {
		level = event.Info
	}
	text := p.Message
	if at := p.Position(); at != "" {
		text = at + ": " + text
	}
	return event.Event{Type: event.TypeMessage, Message: &event.Message{Level: level, Text: text, Hint: p.Hint}}
}

// Problems is an error that holds all that is wrong with a project.
type Problems []Problem

func (ps Problems) Error() string {
	errors := ps.errors()
	if len(errors) != 1 {
		return fmt.Sprintf("%d problems", len(errors))
	}
	if at := errors[0].Position(); at != "" {
		return at + ": " + errors[0].Message
	}
	return errors[0].Message
}

// Render is all problems for people, in order, with an empty line between them.
func (ps Problems) Render() string {
	texts := make([]string, len(ps))
	for i, p := range ps {
		texts[i] = p.String()
	}
	return strings.Join(texts, "\n\n")
}

// errors are those that stop.
func (ps Problems) errors() Problems {
	var errors Problems
	for _, p := range ps {
		if p.Severity == Error {
			errors = append(errors, p)
		}
	}
	return errors
}

// asError is nil without a problem that stops, and otherwise the error that the user is shown.
func (ps Problems) asError(dir string) error {
	errors := ps.errors()
	if len(errors) == 0 {
		return nil
	}
	said := &release.UserError{Kind: release.KindProject, Err: fmt.Errorf("read project %s: %w", dir, errors)}
	if len(errors) == 1 { // the error says it
		said.Detail, said.Hint = errors[0].Excerpt, cmp.Or(errors[0].Hint, "correct that, then run the same command again")
	} else {
		said.Detail, said.Hint = errors.Render(), "correct the lines above, then run the same command again"
	}
	return said
}

// findings collects problems; the same thing found twice (by two environments, by two services) counts once.
type findings struct {
	list Problems
	seen map[Problem]bool
}

func (f *findings) add(ps ...Problem) {
	for _, p := range ps {
		if f.seen[p] {
			continue
		}
		if f.seen == nil {
			f.seen = map[Problem]bool{}
		}
		f.seen[p] = true
		f.list = append(f.list, p)
	}
}

// sorted is by file and position; what has no position comes first.
func (f *findings) sorted() Problems {
	return slices.SortedStableFunc(slices.Values(f.list), func(a, b Problem) int {
		return cmp.Or(cmp.Compare(a.File, b.File), cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column), cmp.Compare(a.Message, b.Message))
	})
}
