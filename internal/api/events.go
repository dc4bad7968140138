package api

import (
	"bytes"
	"encoding/json"
	"io"
	"sync"
	"time"

	"github.com/seaworthyhq/seaworthy/internal/event"
	"github.com/seaworthyhq/seaworthy/internal/phrase"
)

const (
	// unread is how many bytes of events wait for a caller before a line of log waits, too.
	unread = 1 << 20
	// unheeded is how many wait for one who reads nothing before he counts as gone.
	unheeded = 64 << 20
	// patience is how long a caller may read nothing (a pager, a terminal that is stopped) until he misses lines of log: what
	// happens does not wait for those who look.
	patience = time.Second
	// atOnce is how many bytes are written at once.
	atOnce = 64 << 10
)

// eventWriter writes events as lines, each as soon as the caller takes it. What goes on after the answer has ended tells nobody.
type eventWriter struct {
	out     io.Writer
	flush   func() error
	writing sync.WaitGroup
	more    chan struct{} // has one where something waits; closed at the end

	mu      sync.Mutex // guards what is below
	waiting bytes.Buffer
	taken   chan struct{} // closed when something was taken of what waits
	stalled bool          // nothing was, for longer than patience
	missed  int           // lines of log since then
	ended   bool
}

func newEventWriter(out io.Writer, flush func() error) *eventWriter {
	w := &eventWriter{out: out, flush: flush, more: make(chan struct{}, 1), taken: make(chan struct{})}
	w.writing.Go(w.write)
	return w
}

// Emit takes an event. Only one of log waits for the caller.
func (w *eventWriter) Emit(e event.Event) {
	if e.Version == 0 {
		e.Version = event.Version
	}
	if e.Time.IsZero() {
		e.Time = time.Now()
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if e.Type == event.TypeLog && !w.room() {
		w.missed++
		return
	}
	if !w.stalled {
		w.tellMissed()
	}
	w.add(e)
}

// room waits until there is some for a line of log, as long as the caller reads at all. The lock is not held meanwhile.
func (w *eventWriter) room() bool {
	for w.waiting.Len() > unread && !w.stalled && !w.ended {
		taken := w.taken
		w.mu.Unlock()
		select {
		case <-taken:
			w.mu.Lock()
		case <-time.After(patience):
			w.mu.Lock()
			w.stalled = w.taken == taken
		}
	}
	return !w.stalled
}

func (w *eventWriter) tellMissed() {
	if w.missed == 0 {
		return
	}
	text := phrase.Count(w.missed, "line") + " of log not shown: what came before was not read"
	w.missed = 0
	w.add(event.Event{
		Version: event.Version, Time: time.Now(), Type: event.TypeMessage, Message: &event.Message{Level: event.Warn, Text: text},
	})
}

func (w *eventWriter) add(e event.Event) {
	if w.ended || json.NewEncoder(&w.waiting).Encode(e) != nil {
		return
	}
	if w.waiting.Len() > unheeded {
		w.abandon()
	}
	select {
	case w.more <- struct{}{}:
	default: // it has one
	}
}

// write writes what waits until the end, or until the caller is gone.
func (w *eventWriter) write() {
	piece := make([]byte, atOnce)
	for ended := false; ; {
		n := w.take(piece)
		if n == 0 && ended {
			return
		}
		if n == 0 {
			_, open := <-w.more
			ended = !open
			continue
		}
		if _, err := w.out.Write(piece[:n]); err != nil || w.flush() != nil {
			w.mu.Lock()
			w.abandon()
			w.mu.Unlock()
			return
		}
	}
}

func (w *eventWriter) take(piece []byte) int {
	w.mu.Lock()
	defer w.mu.Unlock()
	n, _ := w.waiting.Read(piece) // nothing there is no error here
	w.stalled = w.stalled && n == 0
	close(w.taken)
	w.taken = make(chan struct{})
	return n
}

// abandon is called with the lock held, where nobody reads any more.
func (w *eventWriter) abandon() {
	w.ended = true
	w.waiting = bytes.Buffer{}
}

// end returns when all is written, or the caller is gone.
func (w *eventWriter) end() {
	w.mu.Lock()
	w.tellMissed()
	w.ended = true
	close(w.more)
	w.mu.Unlock()
	w.writing.Wait()
}
