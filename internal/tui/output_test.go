package tui

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/seaworthyhq/seaworthy/internal/event"
	"github.com/seaworthyhq/seaworthy/internal/release"
)

func wrote(t *testing.T, got fmt.Stringer, want string) {
	t.Helper()
	if diff := cmp.Diff(want, got.String()); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
}

func TestTableAlignsWideCharactersWithoutTrailingBlanks(t *testing.T) {
	table := NewTable("SERVICE", "STATE", "SINCE")
	table.Add(Text("web"), Good.Cell("healthy"), Text("3 minutes ago"))
	table.Add(Text("構築"), Bad.Cell("exited\x1b[2J"), Text(""))
	var out bytes.Buffer
	if err := table.Write(&out); err != nil {
		t.Fatal(err)
	}
	wrote(t, &out, "SERVICE  STATE    SINCE\nweb      healthy  3 minutes ago\n構築     exited\n")
}

func TestTableIsCutToTheTerminal(t *testing.T) {
	table := NewTable("NAME", "IMAGE")
	table.Add(Text("web"), Text("registry.example.com/acme/a-rather-long-name@sha256:0123456789abcdef"))
	var out bytes.Buffer
	if err := table.Write(Output{Writer: &out, Width: 30}); err != nil {
		t.Fatal(err)
	}
	wrote(t, &out, "NAME  IMAGE\nweb   registry.example.com/ac…\n")
}

func TestNarrowTableLosesNothingUnsaid(t *testing.T) {
	table := NewTable("service", "state", "image", "since", "address").Below("address").Spare("image", "since").Whole("service", "state")
	table.Add(Text("web"), Text("healthy"), Text("3ebe9373e8d7"), Text("3 minutes ago"), Text("http://127.0.0.1:18099 http://127.0.0.1:18100"))
	table.Add(Text("db"), Text("healthy"), Text("3ebe9373e8d7"), Text("3 minutes ago"))
	for width, want := range map[int]string{
		95: `service  state    image         since          address
web      healthy  3ebe9373e8d7  3 minutes ago  http://127.0.0.1:18099 http://127.0.0.1:18100
db       healthy  3ebe9373e8d7  3 minutes ago
`,
		60: `service  state    image         since
web      healthy  3ebe9373e8d7  3 minutes ago
  http://127.0.0.1:18099 http://127.0.0.1:18100
db       healthy  3ebe9373e8d7  3 minutes ago
`,
		40: `service  state    since
web      healthy  3 minutes ago
  http://127.0.0.1:18099
  http://127.0.0.1:18100
db       healthy  3 minutes ago
no room for image: all of it takes 92
columns
`,
		20: `service  state
web      healthy
  http://127.0.0.1:18099
  http://127.0.0.1:18100
db       healthy
no room for image,
since: all of it
takes 92 columns
`,
	} {
		var out bytes.Buffer
		if err := table.Write(Output{Writer: &out, Width: width}); err != nil {
			t.Fatal(err)
		}
		wrote(t, &out, want)
	}
}

func TestAnEmptyColumnIsNotMissed(t *testing.T) {
	table := NewTable("service", "volumes", "variables").Spare("variables", "volumes")
	table.Add(Text("web"), Text("data"), Text(""))
	var b bytes.Buffer
	if err := table.Write(Output{Writer: &b, Width: 18}); err != nil {
		t.Fatal(err)
	}
	wrote(t, &b, "service  volumes\nweb      data\n")
}

func TestLinesBreakBetweenWordsAndStandFurtherIn(t *testing.T) {
	var out bytes.Buffer
	o := Output{Writer: &out, Width: 20}
	for _, line := range []string{"short", "a line that is too long", "  note: seaworthy resume frees it"} {
		if err := o.Println(line); err != nil {
			t.Fatal(err)
		}
	}
	wrote(t, &out, "short\na line that is too\n  long\n  note: seaworthy\n    resume frees it\n")
}

func TestErrorsBreakBetweenWords(t *testing.T) {
	var out bytes.Buffer
	Error(Output{Writer: &out, Width: 40}, &release.UserError{
		Kind: release.KindUsage, Err: errors.New("the registry of http://registry.example.com:5000/a/rather/long/path does not answer"), Hint: "seaworthy engine restart --root /srv/x",
	})
	wrote(t, &out, `error: the registry of
       http://registry.example.com:5000/a/rather/long/path
       does not answer
hint: seaworthy engine restart --root
      /srv/x
`)
}

func TestNotesStandBelowTheirRows(t *testing.T) {
	table := NewTable("deployment", "result")
	table.Add(Text("local#2"), Bad.Cell("failed"))
	table.Note("web 1 exited with 1\nand \x1b[31mred\x1b[0m")
	table.Add(Text("local#1"), Good.Cell("succeeded"))
	var out bytes.Buffer
	if err := table.Write(&out); err != nil {
		t.Fatal(err)
	}
	wrote(t, &out, "deployment  result\nlocal#2     failed\n  web 1 exited with 1\n  and red\nlocal#1     succeeded\n")
}

func TestErrorShowsDetailAndHint(t *testing.T) {
	var out bytes.Buffer
	Error(&out, fmt.Errorf("up: %w", &release.UserError{
		Kind: release.KindBuild, Err: errors.New("build stage web:\nexit code 1"),
		Detail: "> 3 | RUN \x1b[31mfalse\n", Hint: "seaworthy why web",
	}))
	wrote(t, &out, "error: up: build stage web:\n       exit code 1\n\n  > 3 | RUN false\n\nhint: seaworthy why web\n")
}

func TestALongLineOfADetailGoesOnBelowItsText(t *testing.T) {
	var b strings.Builder
	writeDetail(&b, Output{Width: 40}, "Dockerfile:3\n   3 | >>> RUN echo one two three four five six\n  a line of a log which does not fit on the terminal\n")
	want := "\n  Dockerfile:3\n     3 | >>> RUN echo one two three four\n             five six\n    a line of a log which does not fit\n    on the terminal\n\n"
	if diff := cmp.Diff(want, b.String()); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
}

func TestErrorIsColouredWhereAllowed(t *testing.T) {
	var out bytes.Buffer
	Error(Output{Writer: &out, Color: true}, errors.New("boom"))
	wrote(t, &out, "\x1b[1;31merror:\x1b[m boom\n")
}

func TestAnswersAndInterruptionsAreNoErrors(t *testing.T) {
	var out bytes.Buffer
	Error(&out, nil)
	Error(&out, &release.UserError{Kind: release.KindChanges, Err: errors.New("changes")})
	Error(&out, shown(errors.New("told already")))
	Error(&out, context.Canceled)
	wrote(t, &out, "stopped: interrupted\n")
}

func TestLogsNameTheReplica(t *testing.T) {
	var out bytes.Buffer
	logs := NewLogs(&out, LogOptions{Timestamps: true})
	at := time.Date(2026, 1, 2, 15, 4, 5, 6e6, time.UTC)
	for _, l := range []event.Log{
		{Service: "web", Replica: "hrefcounter-local-web-11aa22bb-1", Line: "listening"},
		{Service: "worker", Replica: "worker-12", Line: "\x1b[2Jdone"},
		{Service: "db", Line: ""},
	} {
		logs.Emit(event.Event{Time: at, Log: &l})
	}
	wrote(t, &out, "web-1 | 2026-01-02T15:04:05.006Z listening\n"+
		"worker-12 | 2026-01-02T15:04:05.006Z done\n"+
		"db        | 2026-01-02T15:04:05.006Z\n")
}

func TestLogsTellGenerationsApart(t *testing.T) {
	var out bytes.Buffer
	logs := NewLogs(&out, LogOptions{Generations: true})
	for _, deployment := range []int{9, 10} {
		logs.Emit(event.Event{Log: &event.Log{Service: "web", Replica: "x-1", Deployment: deployment, Line: "l"}})
	}
	wrote(t, &out, "web-1#9 | l\nweb-1#10 | l\n")
}

func TestEachReplicaHasItsColour(t *testing.T) {
	var out bytes.Buffer
	logs := NewLogs(Output{Writer: &out, Color: true}, LogOptions{})
	for _, replica := range []string{"x-1", "x-2", "x-1"} {
		logs.Emit(event.Event{Log: &event.Log{Service: "web", Replica: replica, Line: "l"}})
	}
	lines := strings.Split(out.String(), "\n")
	if lines[0] != lines[2] || strings.ReplaceAll(lines[0], "web-1", "web-2") == lines[1] {
		t.Errorf("colours do not tell replicas apart: %q", lines)
	}
}

func TestJSONIsOneEventALineAndAlwaysEnds(t *testing.T) {
	var out, people bytes.Buffer
	r := New(Options{Out: &out, Err: &people, Mode: JSON})
	r.Emit(event.Event{Type: event.TypeMessage, Message: &event.Message{Text: "two\nlines"}})
	failed := &release.UserError{Kind: release.KindEngine, Err: errors.New("connection lost")}
	if err := r.Close(failed); release.KindOf(err) != release.KindEngine || !Shown(err) {
		t.Errorf("Close returned %v", err)
	}
	lines := strings.Split(strings.TrimSuffix(out.String(), "\n"), "\n")
	if len(lines) != 2 {
		t.Fatalf("%d lines: %q", len(lines), lines)
	}
	var end event.Event
	if err := json.Unmarshal([]byte(lines[1]), &end); err != nil {
		t.Fatal(err)
	}
	if end.Type != event.TypeEnd || end.End.Error.Message != "connection lost" || end.Version != event.Version {
		t.Errorf("the last event is %s", lines[1])
	}
	wrote(t, &people, "error: connection lost\n")
}

func TestPlainHasNoControlCharacters(t *testing.T) {
	for _, foreign := range []string{"\x1b[2J\x1b]0;x\x07", "a\rb\x9b"} {
		var out bytes.Buffer
		r := New(Options{Out: &out, Err: &out, Mode: Plain})
		r.Emit(event.Event{Graph: &event.Graph{Steps: []event.Node{{Key: "stage:a", Name: foreign, Role: "check", Skip: true, Why: foreign}}}})
		r.Emit(event.Event{Instruction: &event.Instruction{Digest: "d", Steps: []string{"stage:a"}, Text: foreign, State: event.Started}})
		r.Emit(event.Event{Log: &event.Log{Step: "stage:a", Line: foreign}})
		r.Emit(event.Event{Message: &event.Message{Text: foreign, Hint: foreign}})
		r.Emit(event.Event{Plan: &event.Plan{Text: foreign, Operations: []event.Operation{{Key: "k", Text: foreign}}}})
		r.Emit(event.Event{Step: &event.Step{Key: "rollout:k", State: event.Failed, Error: foreign}})
		r.Emit(event.Event{Replica: &release.Replica{Service: foreign, Detail: foreign}})
		_ = r.Close(&release.UserError{Err: errors.New(foreign), Hint: foreign, Detail: foreign})
		if i := strings.IndexFunc(out.String(), func(r rune) bool { return r != '\n' && (r < ' ' || r >= 0x7f && r < 0xa0) }); i >= 0 {
			t.Errorf("control character in %q", out.String())
		}
	}
}

func TestAskingWithoutATerminalNamesYes(t *testing.T) {
	var out bytes.Buffer
	err := Confirm(t.Context(), strings.NewReader("y\n"), &out, "Remove volume db-data?", false)
	if release.KindOf(err) != release.KindUsage {
		t.Fatalf("got %v", err)
	}
	Error(&out, err)
	if !strings.Contains(out.String(), "--yes") {
		t.Errorf("no way out in %q", out.String())
	}
	if err := Confirm(t.Context(), nil, &out, "Remove?", true); err != nil {
		t.Errorf("with --yes: %v", err)
	}
}

// The builder looks at the context before it loads it, and each ends.
func TestPlainOutputTellsTheEndOfAnInstructionAgainWhereItTookLonger(t *testing.T) {
	var out bytes.Buffer
	r := New(Options{Out: &out, Err: &out, Mode: Plain, Verbose: true})
	ended := func(state event.State, took time.Duration) {
		r.Emit(event.Event{Instruction: &event.Instruction{Digest: "a", Text: "load build context", State: state, Took: took}})
	}
	ended(event.Started, 0)
	ended(event.Done, time.Millisecond)
	ended(event.Cached, 2*time.Millisecond)
	ended(event.Started, 0)
	ended(event.Done, 6*time.Millisecond)
	ended(event.Done, time.Second)
	if err := r.Close(nil); err != nil {
		t.Fatal(err)
	}
	wrote(t, &out, "[build] load build context\n[build] done in 1 ms: load build context\n[build] done in 1.0 s: load build context\n")
}
