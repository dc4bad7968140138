package tui

import (
	"fmt"
	"io"
	"time"

	"github.com/charmbracelet/x/ansi"
)

// Busy runs something that reports nothing as it goes, and says on a terminal that it goes on, and for how long. What it
// says is gone when it is done.
func Busy(w io.Writer, what string, run func() error) error {
	if !drawable(w) {
		return run()
	}
	done := make(chan error, 1)
	began := time.Now()
	go func() { done <- run() }()
	select {
	case err := <-done:
		return err
	case <-time.After(patience):
	}
	o := Describe(w, ColorAuto)
	ticks := time.NewTicker(tick)
	defer ticks.Stop()
	for {
		passed := time.Since(began)
		glyph := spinner[int(passed/tick)%len(spinner)]
		_, _ = fmt.Fprintf(o, "\r%s %s %s%s", o.Paint(Active, glyph), what, o.Paint(Dim, ticking(passed)), ansi.EraseLineRight)
		select {
		case err := <-done:
			_, _ = io.WriteString(o, "\r"+ansi.EraseLineRight)
			return err
		case <-ticks.C:
		}
	}
}
