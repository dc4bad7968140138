package tui

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"sync"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/seaworthyhq/seaworthy/internal/event"
)

// jsonLines writes each event as one line of JSON.
type jsonLines struct {
	mu     sync.Mutex // one line at a time
	out    io.Writer
	people io.Writer
	end    *event.End
	err    error // of writing
}

func newJSONLines(o Options) *jsonLines { return &jsonLines{out: o.Out, people: o.Err} }

func (j *jsonLines) Emit(e event.Event) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if e.Version == 0 {
		e.Version = event.Version
	}
	if e.Time.IsZero() {
		e.Time = time.Now()
	}
	if e.End != nil {
		j.end = e.End
	}
	if j.err != nil {
		return
	}
	line, err := json.Marshal(e)
	if err == nil {
		_, err = j.out.Write(append(escape(line), '\n'))
	}
	j.err = err
}

// Close writes the event that ends the stream, if the stream broke off without one, and the error for people too.
func (j *jsonLines) Close(err error) error {
	if j.end == nil {
		j.Emit(event.Event{Type: event.TypeEnd, End: &event.End{Error: event.NewError(err)}})
	}
	if err == nil {
		err = j.end.Error.Err()
	}
	if err != nil {
		Error(j.people, err)
		return shown(err)
	}
	return j.err
}

// WriteJSON writes a result for scripts, indented.
func WriteJSON(w io.Writer, result any) error {
	var text bytes.Buffer
	enc := json.NewEncoder(&text)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	if err := enc.Encode(result); err != nil {
		return err
	}
	_, err := w.Write(escape(text.Bytes()))
	return err
}

// escape writes what a terminal obeys, and JSON leaves as it is, as JSON's escapes: all of it stands within strings.
func escape(text []byte) []byte {
	if !bytes.ContainsFunc(text, obeyed) {
		return text
	}
	var out []byte
	for _, r := range string(text) {
		if obeyed(r) {
			out = fmt.Appendf(out, `\u%04x`, r)
		} else {
			out = utf8.AppendRune(out, r)
		}
	}
	return out
}

// obeyed reports whether a rune is one of those that JSON does not escape by itself and that are more than text.
func obeyed(r rune) bool {
	return r >= 0x7f && (unicode.Is(unicode.Cc, r) || unicode.Is(unicode.Bidi_Control, r))
}
