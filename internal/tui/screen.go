package tui

import (
	"io"
	"slices"
	"strings"

	"github.com/charmbracelet/x/ansi"
)

// A frame begins with the terminal told to show it whole (where it knows how) and the cursor out of the way, and ends with
// both undone: a process that dies between frames leaves nothing to restore.
const (
	frameBegin = ansi.SetModeSynchronizedOutput + ansi.ResetModeTextCursorEnable
	frameEnd   = ansi.SetModeTextCursorEnable + ansi.ResetModeSynchronizedOutput
)

// screen writes frames over each other at the end of what a terminal shows; the cursor rests in the line below.
type screen struct {
	w     io.Writer
	drawn []string
	width int // when drawn was written
	err   error
}

// draw puts lines that stay above the frame and the frame in place of the one before, in one write. Lines of the frame must be
// narrower than width; those that stay may be wider.
func (s *screen) draw(width int, stay, frame []string) {
	if s.err != nil || len(stay) == 0 && s.width == width && slices.Equal(s.drawn, frame) {
		return
	}
	var b strings.Builder
	b.WriteString(frameBegin)
	if len(stay) > 0 || len(frame) == 0 || s.width != width {
		s.rewrite(&b, width, stay, frame)
	} else {
		s.update(&b, frame)
	}
	b.WriteString(frameEnd)
	_, s.err = io.WriteString(s.w, b.String())
	s.drawn, s.width = frame, width
}

// rewrite begins anew where the last frame began. It erases row by row: terminals such as tmux take erasing everything
// from the top row on for clearing the screen, and keep a copy of the frame in their history.
func (s *screen) rewrite(b *strings.Builder, width int, stay, frame []string) {
	rows := s.rows(width)
	moveUp(b, rows)
	b.WriteString("\r")
	for range rows {
		b.WriteString(ansi.EraseLineRight + "\n")
	}
	b.WriteString(ansi.EraseLineRight)
	moveUp(b, rows)
	for _, line := range stay {
		b.WriteString(line + "\r\n")
	}
	for _, line := range frame {
		b.WriteString(line + "\r\n")
	}
}

// update writes only the lines that differ.
func (s *screen) update(b *strings.Builder, frame []string) {
	moveUp(b, len(s.drawn))
	b.WriteString("\r")
	for i, line := range frame {
		if i >= len(s.drawn) || line != s.drawn[i] {
			b.WriteString(line + ansi.EraseLineRight)
		}
		b.WriteString("\r\n")
	}
	if len(frame) < len(s.drawn) {
		b.WriteString(ansi.EraseScreenBelow)
	}
}

// rows is how many rows the last frame takes after the terminal has changed its width and wrapped the lines anew.
func (s *screen) rows(width int) int {
	rows := len(s.drawn)
	for _, line := range s.drawn {
		if width > 0 {
			rows += max(0, ansi.StringWidth(line)-1) / width
		}
	}
	return rows
}

func moveUp(b *strings.Builder, rows int) {
	if rows > 0 {
		b.WriteString(ansi.CursorUp(rows))
	}
}
