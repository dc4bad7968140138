package tui

import (
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"

	"github.com/seaworthyhq/seaworthy/internal/event"
)

var update = flag.Bool("update", false, "write the goldens and the generated documents anew")

// TestRecordedStreams plays each recorded stream of testdata at its own pace, in virtual time, and compares what is shown
// with the sections of its file: "screen 80x24 @1.5s" (at that moment), "screen 80x24 stop@1.5s" (interrupted then),
// "screen 80x24 end" or "plain", each also with "stages", and with "verbose" or "quiet" behind it. A new case is a new file; a new section is
// an empty one and -update.
func TestRecordedStreams(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txtar")
	if err != nil || len(files) == 0 {
		t.Fatal("no recorded streams", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txtar"), func(t *testing.T) { playFile(t, file) })
	}
}

func playFile(t *testing.T, file string) {
	archive, err := txtar.ParseFile(file)
	if err != nil {
		t.Fatal(err)
	}
	events := parseEvents(t, archive.Files[0].Data)
	for i, section := range archive.Files[1:] {
		t.Run(section.Name, func(t *testing.T) {
			got := render(t, section.Name, events)
			if *update {
				archive.Files[i+1].Data = []byte(got)
				return
			}
			if diff := cmp.Diff(string(section.Data), got); diff != "" {
				t.Errorf("-want +got\n%s\nit shows:\n%s", diff, got)
			}
		})
	}
	if *update {
		if err := os.WriteFile(file, txtar.Format(archive), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// exampleMark begins an example of docs/terminal.md: a section of a recorded stream.
var exampleMark = regexp.MustCompile("(?s)<!-- (\\S+): (.*?) -->\n```\n(.*?)```\n")

func TestDocumentedExamples(t *testing.T) {
	const file = "../../docs/terminal.md"
	doc, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	got := exampleMark.ReplaceAllFunc(doc, func(example []byte) []byte {
		found := exampleMark.FindSubmatch(example)
		stream, section := string(found[1]), string(found[2])
		archive, err := txtar.ParseFile("testdata/" + stream + ".txtar")
		if err != nil {
			t.Fatal(err)
		}
		i := slices.IndexFunc(archive.Files, func(f txtar.File) bool { return f.Name == section })
		if i < 0 {
			t.Fatalf("%s has no section %q", stream, section)
		}
		return fmt.Appendf(nil, "<!-- %s: %s -->\n```\n%s```\n", stream, section, archive.Files[i].Data)
	})
	if *update {
		if err := os.WriteFile(file, got, 0o644); err != nil {
			t.Fatal(err)
		}
	} else if diff := cmp.Diff(string(doc), string(got)); diff != "" {
		t.Errorf("go test ./internal/tui -run Documented -update:\n%s", diff)
	}
}

func parseEvents(t *testing.T, lines []byte) []event.Event {
	t.Helper()
	var events []event.Event
	for dec := json.NewDecoder(bytes.NewReader(lines)); ; {
		var e event.Event
		if err := dec.Decode(&e); err == io.EOF {
			return events
		} else if err != nil {
			t.Fatal(err)
		}
		events = append(events, e)
	}
}

// render plays events until the moment that the section names and returns what is shown then.
func render(t *testing.T, section string, events []event.Event) (shown string) {
	synctest.Test(t, func(t *testing.T) {
		o := Options{Quiet: strings.HasSuffix(section, "quiet"), Verbose: strings.HasSuffix(section, "verbose"), Stages: strings.Contains(section, " stages")}
		if strings.HasPrefix(section, "plain") {
			shown = renderPlain(o, events)
			return
		}
		var w, h int
		var moment string
		if _, err := fmt.Sscanf(section, "screen %dx%d %s", &w, &h, &moment); err != nil {
			t.Fatal(section, err)
		}
		shown = renderScreen(t, o, newVT(w, h), moment, events)
	})
	return shown
}

func renderPlain(o Options, events []event.Event) string {
	var out bytes.Buffer
	o.Out, o.Err, o.Mode = &out, &out, Plain
	r := New(o)
	play(r, events, 0)
	_ = r.Close(nil)
	return out.String()
}

func renderScreen(t *testing.T, o Options, screen *vt, moment string, events []event.Event) string {
	// The error goes to the same terminal, where the kernel makes CR LF of LF.
	o.Out, o.Err, o.Mode, o.Color, o.Size = screen, crlf{screen}, Terminal, ColorAlways, screen.size
	r := New(o)
	action, after, _ := strings.Cut(moment, "@")
	until, err := time.ParseDuration(after)
	if err != nil && action != "end" {
		t.Fatal(moment, err)
	}
	play(r, events, until)
	shown := screen.String()
	var cause error
	if action == "stop" {
		cause = context.Canceled
	}
	_ = r.Close(cause)
	if screen.torn {
		t.Error("a write left the cursor hidden or the frame open")
	}
	if action != "" {
		shown = screen.String()
	}
	return shown
}

// offTick keeps recorded events, whose times are multiples of 10 ms, from coming in the instant of a frame: which of the two is
// first would be chance.
const offTick = 5 * time.Millisecond

// play emits each event at its time after the first, and stops at until (0: after the last).
func play(r Renderer, events []event.Event, until time.Duration) {
	began := time.Now()
	for _, e := range events {
		at := e.Time.Sub(events[0].Time) + offTick
		if until > 0 && at > until {
			break
		}
		time.Sleep(at - time.Since(began))
		r.Emit(e)
	}
	if until > 0 {
		time.Sleep(until - time.Since(began))
		synctest.Wait()
	}
}

type crlf struct{ w io.Writer }

func (c crlf) Write(p []byte) (int, error) {
	_, err := c.w.Write(bytes.ReplaceAll(p, []byte("\n"), []byte("\r\n")))
	return len(p), err
}
