package api

import (
	"bufio"
	"encoding/json"
	"errors"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/seaworthyhq/seaworthy/internal/event"
)

func line(text string) event.Event {
	return event.Event{Type: event.TypeLog, Log: &event.Log{Line: text}}
}

// What happens goes on, and what became of it is told to who reads again.
func TestACallerWhoReadsNothingMissesLinesOfLogAndNothingElse(t *testing.T) {
	r, w := io.Pipe()
	out := newEventWriter(w, func() error { return nil })
	emitted := make(chan struct{})
	const lines = 100
	go func() {
		defer close(emitted)
		for range lines {
			out.Emit(line(strings.Repeat("x", unread/10)))
		}
		out.Emit(event.Event{Type: event.TypeStep, Step: &event.Step{Key: "stage:web", State: event.Done}})
	}()
	select {
	case <-emitted:
	case <-time.After(time.Minute):
		t.Fatal("the caller holds up what happens")
	}
	go out.end()
	var told []string
	var missed string
	dec := json.NewDecoder(bufio.NewReader(r))
	for len(told) == 0 || missed == "" {
		var e event.Event
		if err := dec.Decode(&e); err != nil {
			t.Fatal(err)
		}
		switch e.Type {
		case event.TypeStep:
			told = append(told, e.Step.Key)
		case event.TypeMessage:
			missed = e.Message.Text
		}
	}
	if !strings.HasSuffix(missed, " lines of log not shown: what came before was not read") {
		t.Errorf("it says %q", missed)
	}
}

func TestACallerWhoReadsHasEveryLine(t *testing.T) {
	r, w := io.Pipe()
	out := newEventWriter(w, func() error { return nil })
	const lines = 100
	go func() {
		for range lines {
			out.Emit(line(strings.Repeat("x", unread/10)))
		}
		out.end()
		_ = w.Close()
	}()
	got := 0
	dec := json.NewDecoder(bufio.NewReader(r))
	for {
		var e event.Event
		if err := dec.Decode(&e); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
		if e.Type == event.TypeLog {
			got++
		}
	}
	if got != lines {
		t.Errorf("%d lines, want %d", got, lines)
	}
}

func TestACallerWhoIsGoneHoldsUpNothing(t *testing.T) {
	r, w := io.Pipe()
	out := newEventWriter(w, func() error { return nil })
	_ = r.Close()
	for range 100 {
		out.Emit(line(strings.Repeat("x", unread/10)))
	}
	out.end()
}
