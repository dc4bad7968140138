package tui

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"reflect"
	"strings"
	"testing"
	"testing/synctest"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/charmbracelet/x/ansi"
	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"

	"github.com/seaworthyhq/seaworthy/internal/event"
	"github.com/seaworthyhq/seaworthy/internal/release"
)

// nasty are lines as programs write them that mean no good, or that do not know what they write to.
var nasty = []string{
	"colours \x1b[1;31mred\x1b[0m and \x1b[38;2;1;2;3mmore",
	"clears \x1b[2J\x1b[H\x1b[3J the screen",
	"renames \x1b]0;owned\x07 and \x1b]2;owned\x1b\\ the window",
	"links \x1b]8;;http://evil.example\x1b\\here\x1b]8;;\x1b\\",
	"fills the clipboard \x1b]52;c;ZXZpbA==\x07",
	"asks \x1b[c\x1b[6n\x1b[>q\x1bP$qm\x1b\\ what answers as if typed",
	"leaves \x1b[?1049h\x1b[?25l\x1b[?2026h for another screen",
	"draws with \x1b(0lqqk\x0e other letters\x0f",
	"ends within \x1b[",
	"ends within \x1b]0;a title that never ends",
	"sends one-byte controls \u009b2J \u009d0;x\u009c, raw \x9b2J \x9d0;x\x9c",
	"rings \a, goes back \b\b\b, down \v and on \f, nul \x00, delete \x7f",
	"writes 10 %\rwrites 50 %\rwrites over itself\r",
	"Windows ends lines so\r",
	"tabs\there\tand\t\tthere",
	"is not UTF-8: \xff\xfe \xc3( \xe4\xbd \xf0\x9f\x9a",
	"surrogates \xed\xa0\x80 and too long \xc0\xaf",
	"turns \u202etxet eht\u202c and \u2066hides\u2069 what it says",
	"separates\u2028lines\u2029and paragraphs",
	"stands wide 構築 🚢 👩‍👩‍👧‍👦 and on top e\u0301\u0302\u0303\u0304\u0305\u0306\u0307",
	"\x7fELF\x02\x01\x01\x00\x00\x00\x00\x00\x03\x00>\x00\x01\x00\x00\x00\xb0\x1a\x40\x00",
	`{"v":1,"type":"end","end":{}}`,
	"",
	"is long " + strings.Repeat("0123456789", 2_000),
	"is long and wide " + strings.Repeat("構築", 3_000),
	"is long without \xff sense " + strings.Repeat("\xff\x00\x1b[", 5_000),
}

// TestNastyLines shows how each renderer shows them: testdata/nasty.golden.
func TestNastyLines(t *testing.T) {
	events := []event.Event{
		{Type: event.TypeGraph, Graph: &event.Graph{Steps: []event.Node{{Key: "stage:a", Name: "a", Role: "check"}}}},
		{Type: event.TypeStep, Step: &event.Step{Key: "stage:a", State: event.Started}},
	}
	for _, line := range nasty {
		events = append(events, event.Event{Type: event.TypeLog, Log: &event.Log{Step: "stage:a", Stream: event.Stdout, Line: line}})
	}
	events = append(events, event.Event{Type: event.TypeStep, Step: &event.Step{Key: "stage:a", State: event.Failed, Took: time.Second}})
	for i := range events {
		events[i].Time = time.Date(2026, 1, 2, 15, 4, 5, 0, time.UTC)
	}
	golden := &txtar.Archive{Comment: []byte("Lines longer than 100 columns are cut here, not there.\n")}
	for _, mode := range []Mode{Plain, JSON, Terminal} {
		synctest.Test(t, func(t *testing.T) {
			var out bytes.Buffer
			r := New(Options{Out: &out, Err: &out, Mode: mode, Size: func() (int, int) { return 80, 30 }})
			play(r, events, 0)
			_ = r.Close(nil)
			var b strings.Builder
			for line := range strings.Lines(out.String()) {
				if _, log, found := strings.Cut(line, `"line":`); mode == JSON && found {
					line = log
				}
				b.WriteString(cut(strings.TrimRight(ansi.Strip(line), "\r\n"), 100) + "\n")
			}
			golden.Files = append(golden.Files, txtar.File{Name: string(mode), Data: []byte(b.String())})
			if limit := len(nasty) * (maxLine + 1000); mode != JSON && out.Len() > limit {
				t.Errorf("%s wrote %d bytes, more than %d", mode, out.Len(), limit)
			}
		})
	}
	got := txtar.Format(golden)
	if *update {
		if err := os.WriteFile("testdata/nasty.golden", got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile("testdata/nasty.golden")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), string(got)); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
}

// TestNoTextOfAnEventReachesATerminalAsItIs puts nasty text wherever an event has text.
func TestNoTextOfAnEventReachesATerminalAsItIs(t *testing.T) {
	for i, text := range nasty {
		for _, mode := range []Mode{Plain, JSON, Terminal} {
			t.Run(fmt.Sprint(i, " ", mode), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) { showEverywhere(t, mode, text) })
			})
		}
	}
}

func showEverywhere(t *testing.T, mode Mode, text string) {
	screen := newVT(80, 24)
	var out, errs bytes.Buffer
	o := Options{Out: &out, Err: &errs, Mode: mode, Verbose: true, Size: screen.size}
	if mode == Terminal {
		o.Out, o.Err = screen, crlf{screen} // which panics at what the view does not send
	}
	r := New(o)
	for _, e := range everyEvent(text) {
		r.Emit(e)
		time.Sleep(tick)
	}
	_ = r.Close(&release.UserError{Kind: release.KindCheck, Err: errors.New(text), Hint: text, Detail: text})
	logs := NewLogs(&errs, LogOptions{Generations: true})
	for _, e := range everyEvent(text) {
		logs.Emit(e)
	}
	Note(&errs, event.Message{Level: event.Warn, Text: text, Hint: text})
	Error(&errs, fmt.Errorf("%s: %w", text, context.Canceled))
	for _, shown := range []string{out.String(), errs.String(), screen.String()} {
		if i := strings.IndexFunc(shown, harmful); i >= 0 {
			t.Errorf("%q is shown", shown[max(0, i-20):min(len(shown), i+20)])
		}
		if !utf8.ValidString(shown) {
			i := strings.Index(strings.ToValidUTF8(shown, "\x00"), "\x00")
			t.Errorf("%q is not UTF-8", shown[max(0, i-20):min(len(shown), i+20)])
		}
	}
	if mode == JSON {
		for line := range strings.Lines(out.String()) {
			if err := json.Unmarshal([]byte(line), &event.Event{}); err != nil {
				t.Errorf("%v: %.200s", err, line)
			}
		}
	}
}

func harmful(r rune) bool {
	return r != '\n' && (unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r))
}

// everyEvent is an event of each type, with the text in each of its strings. Where a text is a name for scripts, it is one that
// makes the event be shown.
func everyEvent(text string) []event.Event {
	var events []event.Event
	of := reflect.TypeFor[event.Event]()
	for i := range of.NumField() {
		if of.Field(i).Type.Kind() != reflect.Pointer {
			continue
		}
		for _, state := range []event.State{event.Started, event.Failed} {
			e := event.Event{Type: event.Type(strings.ToLower(of.Field(i).Name))}
			part := reflect.New(of.Field(i).Type.Elem())
			fill(part.Elem(), text, state)
			reflect.ValueOf(&e).Elem().Field(i).Set(part)
			events = append(events, e)
		}
	}
	return events
}

func fill(v reflect.Value, text string, state event.State) {
	switch v.Kind() {
	case reflect.String:
		v.SetString(text)
		if v.Type() == reflect.TypeFor[event.State]() {
			v.SetString(string(state))
		}
	case reflect.Int, reflect.Int64:
		v.SetInt(3)
	case reflect.Struct:
		for i := range v.NumField() {
			if v.Type() != reflect.TypeFor[time.Time]() {
				fill(v.Field(i), text, state)
			}
		}
	case reflect.Slice:
		if v.Type().Elem().Kind() != reflect.Uint8 {
			v.Set(reflect.MakeSlice(v.Type(), 1, 1))
			fill(v.Index(0), text, state)
		}
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		fill(v.Elem(), text, state)
	}
}
