package tui

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/charmbracelet/x/ansi"
	"golang.org/x/sys/unix"

	"github.com/seaworthyhq/seaworthy/internal/event"
	"github.com/seaworthyhq/seaworthy/internal/release"
)

// openPTY returns both ends of a new terminal of 60 columns: a person's, and a program's.
func openPTY(t *testing.T) (person, program *os.File) {
	t.Helper()
	person, err := os.OpenFile("/dev/ptmx", os.O_RDWR, 0)
	if err != nil {
		t.Skip("no terminals here:", err)
	}
	t.Cleanup(func() { person.Close() })
	fd := int(person.Fd())
	number, err := unix.IoctlGetInt(fd, unix.TIOCGPTN)
	if err != nil {
		t.Fatal(err)
	}
	if err := unix.IoctlSetPointerInt(fd, unix.TIOCSPTLCK, 0); err != nil {
		t.Fatal(err)
	}
	if err := unix.IoctlSetWinsize(fd, unix.TIOCSWINSZ, &unix.Winsize{Row: 20, Col: 60}); err != nil {
		t.Fatal(err)
	}
	program, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", number), os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { program.Close() })
	return person, program
}

func TestOnlyYesConfirms(t *testing.T) {
	for answer, confirmed := range map[string]bool{"y": true, "YES": true, "": false, "n": false, "yellow": false} {
		t.Run(answer, func(t *testing.T) {
			person, program := openPTY(t)
			if _, err := person.WriteString(answer + "\n"); err != nil {
				t.Fatal(err)
			}
			err := Confirm(t.Context(), program, io.Discard, "Remove?", false)
			if (err == nil) != confirmed || err != nil && release.KindOf(err) != release.KindDeclined {
				t.Errorf("%q: %v", answer, err)
			}
		})
	}
}

func TestTerminalIsFoundAndDescribed(t *testing.T) {
	_, program := openPTY(t)
	t.Setenv("TERM", "xterm-256color")
	t.Setenv("NO_COLOR", "")
	if o := Describe(program, ColorAuto); !o.Color || o.Width != 60 {
		t.Errorf("a terminal of 60 columns is %+v", o)
	}
	t.Setenv("NO_COLOR", "1")
	if Describe(program, ColorAuto).Color {
		t.Error("NO_COLOR is not honoured")
	}
	t.Setenv("TERM", "dumb")
	if r := New(Options{Out: program, Err: io.Discard}); fmt.Sprintf("%T", r) != "*tui.plain" {
		t.Errorf("a dumb terminal gets %T", r)
	}
}

func TestLiveViewOnARealTerminal(t *testing.T) {
	person, program := openPTY(t)
	t.Setenv("TERM", "xterm")
	t.Setenv("NO_COLOR", "1")
	r := New(Options{Out: program, Err: program})
	r.Emit(event.Event{Message: &event.Message{Level: event.Warn, Text: "mind the gap"}})
	if err := r.Close(nil); err != nil {
		t.Fatal(err)
	}
	buf := make([]byte, 4096)
	n, err := person.Read(buf)
	if err != nil {
		t.Fatal(err)
	}
	got := string(buf[:n])
	if !strings.Contains(got, "warning: mind the gap") || !strings.HasPrefix(got, frameBegin) || !strings.HasSuffix(got, frameEnd) {
		t.Errorf("the terminal received %q", got)
	}
}

func TestPlainLinesOfASummaryFitTheTerminal(t *testing.T) {
	person, program := openPTY(t)
	r := New(Options{Out: program, Err: program, Mode: Plain})
	for _, name := range []string{"builder", "unit"} {
		r.Emit(event.Event{Step: &event.Step{Key: "stage:" + name, State: event.Failed, Error: strings.Repeat("no reason ", 9), Took: time.Second}})
	}
	_ = r.Close(nil)
	if _, err := program.WriteString("\x04"); err != nil {
		t.Fatal(err)
	}
	got, err := bufio.NewReader(person).ReadString('\x04')
	if err != nil {
		t.Fatal(err)
	}
	_, summary, _ := strings.Cut(strings.TrimSuffix(got, "\r\n\x04"), "\r\n\r\n")
	rows := strings.Split(summary, "\r\n")
	if len(rows) != 3 {
		t.Fatalf("it says %q", rows)
	}
	for _, row := range rows[:2] {
		if w := ansi.StringWidth(row); w > 60 || !strings.HasSuffix(row, "1.0 s") {
			t.Errorf("a row of %d columns: %q", w, row)
		}
	}
}
