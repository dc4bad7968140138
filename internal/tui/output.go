package tui

import (
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/charmbracelet/x/ansi"
	"github.com/charmbracelet/x/term"
)

// ColorMode says whether output is coloured.
type ColorMode string

// The colour modes. ColorAuto: on a terminal, unless NO_COLOR is set (https://no-color.org) or TERM is dumb.
const (
	ColorAuto   ColorMode = ""
	ColorAlways ColorMode = "always"
	ColorNever  ColorMode = "never"
)

// Output is a writer and what it can show.
type Output struct {
	io.Writer
	Color bool
	Width int // columns; 0: no limit, for it is no terminal
}

// Describe asks a writer what it can show. An Output describes itself.
func Describe(w io.Writer, color ColorMode) Output {
	if o, ok := w.(Output); ok {
		return o
	}
	o := Output{Writer: w, Color: color == ColorAlways}
	if !IsTerminal(w) {
		return o
	}
	o.Width, _ = sizeOf(w)
	o.Color = o.Color || color == ColorAuto && os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb"
	return o
}

// IsTerminal reports whether a reader or writer is a terminal.
func IsTerminal(stream any) bool {
	f, ok := stream.(interface{ Fd() uintptr })
	return ok && term.IsTerminal(f.Fd())
}

// drawable reports whether lines that were written to w can be written over.
func drawable(w io.Writer) bool {
	t := os.Getenv("TERM")
	return IsTerminal(w) && t != "" && t != "dumb"
}

// sizeOf is the size of the terminal behind w, or the usual one where it does not say.
func sizeOf(w io.Writer) (width, height int) {
	if f, ok := w.(interface{ Fd() uintptr }); ok {
		if width, height, err := term.GetSize(f.Fd()); err == nil && width > 0 && height > 0 {
			return width, height
		}
	}
	return 80, 24
}

// Tone is what a piece of text means; the terminal's own theme decides how it looks.
type Tone int

// The tones.
const (
	Normal Tone = iota
	Strong      // a heading, a name that matters
	Dim         // there for whoever looks for it
	Active      // running now
	Good
	Warning
	Bad
)

var tones = map[Tone]ansi.Style{
	Strong:  ansi.NewStyle(ansi.AttrBold),
	Dim:     ansi.NewStyle(ansi.AttrFaint),
	Active:  ansi.NewStyle(ansi.AttrCyanForegroundColor),
	Good:    ansi.NewStyle(ansi.AttrGreenForegroundColor),
	Warning: ansi.NewStyle(ansi.AttrYellowForegroundColor),
	Bad:     ansi.NewStyle(ansi.AttrBold, ansi.AttrRedForegroundColor),
}

// Paint gives text its tone, where colour is allowed.
func (o Output) Paint(t Tone, text string) string {
	if style, ok := tones[t]; ok && o.Color && text != "" {
		return style.Styled(text)
	}
	return text
}

// Printf writes text as it is: what is to be copied is not broken.
func (o Output) Printf(format string, args ...any) error {
	_, err := fmt.Fprintf(o, format, args...)
	return err
}

// Println writes a line, on a narrow terminal broken between words: what follows stands further in than its beginning.
func (o Output) Println(text string) error {
	if o.Width > 0 && ansi.StringWidth(text) > o.Width {
		rest := strings.TrimLeft(text, " ")
		indent := text[:len(text)-len(rest)] + "  "
		text = strings.TrimPrefix(strings.TrimSuffix(indented(o, indent, rest), "\n"), "  ")
	}
	_, err := io.WriteString(o, text+"\n")
	return err
}
