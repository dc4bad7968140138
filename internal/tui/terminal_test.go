package tui

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/charmbracelet/x/ansi"

	"github.com/seaworthyhq/seaworthy/internal/event"
)

func TestFrameIsWrittenOnlyWhenSomethingChanged(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		screen := newVT(80, 24)
		r := New(Options{Out: screen, Err: io.Discard, Mode: Terminal, Size: screen.size})
		r.Emit(event.Event{Graph: &event.Graph{Steps: []event.Node{{Key: "stage:a", Name: "a"}}}})
		time.Sleep(900 * time.Millisecond) // nothing runs, and the clock shows whole seconds
		synctest.Wait()
		if screen.frames != 1 {
			t.Errorf("%d writes for one picture", screen.frames)
		}
		_ = r.Close(nil)
	})
}

func TestFrameFitsAnySize(t *testing.T) {
	now := time.Now()
	v := newView(now)
	for i := range 40 {
		key := fmt.Sprintf("stage:%d", i)
		v.apply(event.Event{Step: &event.Step{Key: key, State: event.Started}}, now)
		v.apply(event.Event{Instruction: &event.Instruction{Digest: key, Text: "RUN 構築 " + key, State: event.Started}}, now)
		v.apply(event.Event{Log: &event.Log{Step: key, Line: strings.Repeat("長い", 100)}}, now)
	}
	for width := 1; width < 130; width += 3 {
		for height := range 60 {
			frame := v.frame(Output{Width: width}, height, false, now)
			if len(frame) > height {
				t.Fatalf("%d lines on %d rows", len(frame), height)
			}
			for _, line := range frame {
				if w := ansi.StringWidth(line); w > width {
					t.Fatalf("%d columns on %d: %q", w, width, line)
				}
			}
		}
	}
}

func TestResizeDrawsAnew(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		screen := newVT(80, 24)
		var width atomic.Int64
		width.Store(80)
		r := New(Options{Out: screen, Err: io.Discard, Mode: Terminal, Size: func() (int, int) { return int(width.Load()), 24 }})
		r.Emit(event.Event{Graph: &event.Graph{Steps: []event.Node{{Key: "stage:a", Name: "a", Role: "image", Skip: true, Why: "a long reason that does not fit on a small terminal"}}}})
		time.Sleep(time.Second / 2)
		width.Store(40)
		time.Sleep(time.Second / 2)
		synctest.Wait()
		if got := screen.String(); strings.Count(got, "reason") != 1 || !strings.Contains(got, "…") {
			t.Errorf("after the resize:\n%s", got)
		}
		_ = r.Close(nil)
	})
}

type brokenPipe struct{}

func (brokenPipe) Write([]byte) (int, error) { return 0, errors.New("broken pipe") }

func TestLostReaderIsToldOnceByClose(t *testing.T) {
	for _, mode := range []Mode{Plain, JSON, Terminal} {
		t.Run(string(mode), func(t *testing.T) {
			r := New(Options{Out: brokenPipe{}, Err: io.Discard, Mode: mode})
			for range 3 {
				r.Emit(event.Event{Type: event.TypeLog, Log: &event.Log{Line: "x"}})
				r.Emit(event.Event{Type: event.TypeMessage, Message: &event.Message{Text: "x"}})
			}
			if err := r.Close(nil); err == nil || Shown(err) {
				t.Errorf("Close returned %v", err)
			}
		})
	}
}

func TestMemoryOfALogIsBounded(t *testing.T) {
	var log tail
	line := strings.Repeat("x", 1<<20)
	for range 2000 {
		log.add(line)
	}
	if log.bytes > tailBytes || len(log.lines) != tailBytes/len(log.lines[0]) || log.lost != 2000-len(log.lines) {
		t.Errorf("kept %d lines of %d bytes, lost %d", len(log.lines), len(log.lines[0]), log.lost)
	}
	for range 2000 {
		log.add("short")
	}
	if len(log.lines) != tailLines || cap(log.lines) > 4*tailLines {
		t.Errorf("kept %d lines in room for %d", len(log.lines), cap(log.lines))
	}
	log.add("last")
	if got := log.last(1); got[0] != "last" {
		t.Errorf("the last line is %q", got)
	}
}

func BenchmarkFrameOfThousandStages(b *testing.B) {
	now := time.Now()
	v := newView(now)
	var steps []event.Node
	for i := range 1000 {
		steps = append(steps, event.Node{
			Key: fmt.Sprintf("stage:%d", i), Name: fmt.Sprintf("stage-%d", i), Role: "image",
			After: []string{fmt.Sprintf("stage:%d", i-1)},
		})
	}
	v.apply(event.Event{Graph: &event.Graph{Steps: steps}}, now)
	for b.Loop() {
		v.frame(Output{Width: 100, Color: true}, 40, false, now)
	}
}
