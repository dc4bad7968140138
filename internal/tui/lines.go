package tui

import (
	"io"

	"github.com/seaworthyhq/seaworthy/internal/event"
	"github.com/seaworthyhq/seaworthy/internal/phrase"
)

// messageLines are a message and its hint, for people.
func messageLines(o Output, opts Options, m event.Message) []string {
	if opts.Quiet && m.Level != event.Warn {
		return nil
	}
	text := cleanLines(m.Text)
	if len(text) == 0 {
		return nil
	}
	switch {
	case m.Level == event.Warn:
		text[0] = o.Paint(Warning, "warning:") + " " + text[0]
	case m.Hint != "": // what comes with advice does not speak for itself
		text[0] = o.Paint(Dim, "note:") + " " + text[0]
	}
	var lines []string
	for _, line := range text {
		lines = append(lines, wrap(line, o.Width)...)
	}
	head := "  hint: "
	for _, line := range cleanLines(m.Hint) {
		for _, part := range wrap(line, o.Width-len(head)) {
			lines = append(lines, o.Paint(Dim, head+part))
			head = "        "
		}
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
	return v.namesOf(writersOf(l))
}

// namesOf is what people call the steps of those keys.
func (v *view) namesOf(keys []string) string {
	names := make([]string, len(keys))
	for i, key := range keys {
		names[i] = v.nameOf(key)
	}
	return phrase.First(names, 4)
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
