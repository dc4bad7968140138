package build

import (
	"bytes"
	"slices"
	"strings"

	"github.com/moby/buildkit/client"

	"github.com/seaworthyhq/seaworthy/internal/build/worker"
	"github.com/seaworthyhq/seaworthy/internal/event"
	"github.com/seaworthyhq/seaworthy/internal/phrase"
	"github.com/seaworthyhq/seaworthy/internal/redact"
	"github.com/seaworthyhq/seaworthy/internal/report"
)

// longestLine is how many bytes of a line are told; the rest is only counted.
const longestLine = 16 << 10

func (p *progress) log(l *client.VertexLog) {
	v := p.heard(l.Vertex)
	for stream, data := range worker.Written(l) {
		p.logData(v, stream, data)
	}
}

func (p *progress) logData(v *vertex, stream int, rest []byte) {
	if v.partial == nil {
		v.partial = map[int]*partialLine{}
	}
	line := v.partial[stream]
	if line == nil {
		line = &partialLine{}
		v.partial[stream] = line
	}
	for {
		part, after, found := bytes.Cut(rest, []byte("\n"))
		line.add(part, longestLine+p.hide.Longest())
		if !found {
			return
		}
		p.logLine(v, stream, line)
		line.restart()
		rest = after
	}
}

func (p *progress) flushLog(v *vertex) {
	for stream, line := range v.partial {
		if len(line.text) > 0 {
			p.logLine(v, stream, line)
		}
		delete(v.partial, stream)
	}
}

func (p *progress) logLine(v *vertex, stream int, raw *partialLine) {
	line := raw.told(p.hide)
	if said, ok := report.GoTestLine(line); ok {
		if said == "" {
			return
		}
		line = p.hide.Text([]byte(said)) // which may be written otherwise in JSON
	}
	v.tail = append(v.tail, line)
	if len(v.tail) > tailLines {
		v.tail = v.tail[1:]
	}
	out := event.Log{Line: line, Stream: event.Stdout}
	if stream == 2 {
		out.Stream = event.Stderr
	}
	if steps := v.of.steps; len(steps) > 0 {
		out.Step = steps[0]
		if len(steps) > 1 {
			out.Steps = slices.Clone(steps)
		}
	}
	p.sink.Emit(event.Event{Type: event.TypeLog, Log: &out})
}

// partialLine is a line as far as it was written, and as far as it is kept.
type partialLine struct {
	text []byte
	more int // bytes that followed the text
}

// add takes in what comes next, and keeps no more than limit bytes in all.
func (l *partialLine) add(part []byte, limit int) {
	over := bytes.TrimRight(part, "\r")
	if len(over) > 0 && l.more == 0 && bytes.HasSuffix(l.text, []byte("\r")) {
		l.restart() // a progress bar writes over itself
	}
	if i := bytes.LastIndexByte(over, '\r'); i >= 0 {
		l.restart()
		part = part[i+1:]
	}
	kept := min(len(part), max(0, limit-len(l.text)))
	l.text = append(l.text, part[:kept]...)
	l.more += len(part) - kept
}

func (l *partialLine) restart() { l.text, l.more = l.text[:0], 0 }

// told is the line as it is told: without secrets, and not longer than people read.
func (l *partialLine) told(hide redact.Redactor) string {
	text, more := bytes.TrimRight(l.text, "\r"), l.more
	if len(text) > longestLine {
		at := hide.Cut(text, longestLine)
		text, more = text[:at], more+len(text)-at
	}
	line := strings.ToValidUTF8(hide.Text(text), "\uFFFD")
	if more > 0 {
		line += " … (" + phrase.Count(more, "byte") + " more)"
	}
	return line
}
