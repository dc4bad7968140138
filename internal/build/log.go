package build

import (
	"bytes"
	"slices"
	"strings"

	"github.com/moby/buildkit/client"

	"github.com/seaworthyhq/seaworthy/internal/event"
)

func (p *progress) log(l *client.VertexLog) {
	v := p.vertex(l.Vertex)
	if v.partial == nil {
		v.partial = map[int][]byte{}
	}
	rest := slices.Concat(v.partial[l.Stream], l.Data)
	for {
		line, after, found := bytes.Cut(rest, []byte("\n"))
		if !found {
			break
		}
		p.logLine(v, l.Stream, line)
		rest = after
	}
	v.partial[l.Stream] = bytes.Clone(rest)
}

func (p *progress) flushLog(v *vertex) {
	for stream, rest := range v.partial {
		if len(rest) > 0 {
			p.logLine(v, stream, rest)
		}
		delete(v.partial, stream)
	}
}

func (p *progress) logLine(v *vertex, stream int, raw []byte) {
	line := strings.ToValidUTF8(strings.TrimRight(string(raw), "\r"), "\uFFFD")
	if i := strings.LastIndexByte(line, '\r'); i >= 0 {
		line = line[i+1:] // a progress bar writes over itself
	}
	line = p.hide.Replace(line)
	v.tail = append(v.tail, line)
	if len(v.tail) > tailLines {
		v.tail = v.tail[1:]
	}
	out := event.Log{Line: line, Stream: event.Stdout}
	if stream == 2 {
		out.Stream = event.Stderr
	}
	if v.of != nil && len(v.of.steps) > 0 {
		out.Step = v.of.steps[0]
	}
	p.sink.Emit(event.Event{Type: event.TypeLog, Log: &out})
}
