package tui

import (
	"io"

	"github.com/seaworthyhq/seaworthy/internal/event"
)

// messageLines are a message and its hint, for people.
func messageLines(o Output, opts Options, m event.Message) []string {
	if opts.Quiet && m.Level != event.Warn {
		return nil
	}
	lines := cleanLines(m.Text)
	if len(lines) == 0 {
		return nil
	}
	if m.Level == event.Warn {
		lines[0] = o.Paint(Warning, "warning:") + " " + lines[0]
	}
	for i, line := range cleanLines(m.Hint) {
		head := "  hint: "
		if i > 0 {
			head = "        "
		}
		lines = append(lines, o.Paint(Dim, head+line))
	}
	return lines
}

// logLine is a line of a log with the name of who wrote it before it.
func (v *view) logLine(o Output, l event.Log) string {
	return o.Paint(Dim, "["+v.logName(l)+"]") + " " + Clean(l.Line)
}

func (v *view) logName(l event.Log) string {
	if l.Service != "" {
		return logReplica(l)
	}
	return v.nameOf(l.Step)
}

// nameOf is what people call the step of that key.
func (v *view) nameOf(key string) string {
	if s := v.byKey[key]; s != nil {
		return Clean(s.Name)
	}
	return Clean(key)
}

// Note writes a message to w, for people.
func Note(w io.Writer, m event.Message) {
	o := Describe(w, ColorAuto)
	for _, line := range messageLines(o, Options{}, m) {
		_, _ = io.WriteString(o, line+"\n") // nobody is left to tell
	}
}
