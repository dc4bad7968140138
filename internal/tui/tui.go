// Package tui shows people, and the scripts beside them, what happens: it renders the stream of events, and the results of
// verbs as tables, errors and questions. Nothing else in Seaworthy prints. It decides nothing and starts nothing; what it
// knows, it was told by an event, and text that came from elsewhere never reaches a terminal with control characters in it.
//
// The live view draws its own frames rather than running bubbletea. That is not for speed (measured: 0.1 ms of init, 4 ms
// to the first frame): bubbletea wants the keyboard and hides the cursor for as long as it runs, so a process that is
// killed leaves a terminal that does not work, and a view that nobody types into needs neither. Here every frame is one
// write that leaves the terminal as it was: nothing has to be restored, whatever ends the process. Widths are
// charmbracelet/x/ansi's.
package tui

import (
	"errors"
	"io"
	"os"

	"github.com/seaworthyhq/seaworthy/internal/event"
)

// Mode is a form of output.
type Mode string

// The modes.
const (
	Auto     Mode = ""         // Terminal where Out is one that can draw, else Plain
	Terminal Mode = "terminal" // a live view, and a summary that stays
	Plain    Mode = "plain"    // steady lines without control characters, for pipes and CI
	JSON     Mode = "json"     // one event a line, as docs/events.md has it
)

// Options say where and how a stream of events is rendered.
type Options struct {
	Out io.Writer // the stream
	Err io.Writer // the error that ends it, for people
	Mode
	Color ColorMode
	// Size is asked for the terminal's columns and rows before each frame; nil asks Out.
	Size    func() (width, height int)
	Quiet   bool // only warnings, failures and the outcome
	Verbose bool // every stage, instruction and line of log
	Stages  bool // list the stages, once, before anything happens to them
}

// Renderer shows a stream of events.
type Renderer interface {
	event.Sink
	// Close ends the view, leaves the summary and shows err, the error that the call behind the stream ended with (nil: as
	// the stream's last event says). It returns that error marked as shown, so that Error stays silent about it, or the
	// error of writing.
	Close(err error) error
}

// New returns the renderer that the options ask for.
func New(o Options) Renderer {
	if o.Out == nil {
		o.Out = os.Stdout
	}
	if o.Err == nil {
		o.Err = os.Stderr
	}
	if o.Mode == Auto {
		o.Mode = Plain
		if drawable(o.Out) {
			o.Mode = Terminal
		}
	}
	switch o.Mode {
	case JSON:
		return newJSONLines(o)
	case Terminal:
		return newTerminal(o)
	default:
		return newPlain(o)
	}
}

// shownError has been shown by a renderer.
type shownError struct{ error }

func (e shownError) Unwrap() error { return e.error }

// shown marks err; nil stays nil.
func shown(err error) error {
	if err == nil {
		return nil
	}
	return shownError{err}
}

// Shown reports whether a renderer has shown err already.
func Shown(err error) bool {
	_, ok := errors.AsType[shownError](err)
	return ok
}
