package tui

import (
	"bytes"
	"fmt"
	"strings"
	"sync"
	"unicode"
	"unicode/utf8"

	"github.com/charmbracelet/x/ansi"
)

// vt is as much of a terminal as the live view uses: rows that scroll, a cursor, erasing. Anything else that reaches it is
// a defect of the view, and panics.
type vt struct {
	mu         sync.Mutex
	w, h       int
	scrolled   []string
	rows       [][]rune
	x, y       int
	hidden     bool
	frames     int // writes
	sync, torn bool
}

func newVT(w, h int) *vt { return &vt{w: w, h: h, rows: make([][]rune, h)} }

func (t *vt) size() (int, int) { return t.w, t.h }

func (t *vt) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.frames++
	rest := p
	for len(rest) > 0 {
		seq, width, n, _ := ansi.DecodeSequence(rest, 0, nil)
		rest = rest[n:]
		if width > 0 {
			t.put([]rune(string(seq)), width)
			continue
		}
		if r, _ := utf8.DecodeRune(seq); !unicode.Is(unicode.M, r) { // else it stands on the character before it
			t.control(string(seq))
		}
	}
	t.torn = t.torn || t.sync || t.hidden
	return len(p), nil
}

// put writes a character; a wide one is followed by a place holder.
func (t *vt) put(char []rune, width int) {
	if t.x+width > t.w {
		t.x = 0
		t.feed()
	}
	for len(t.rows[t.y]) < t.x+width {
		t.rows[t.y] = append(t.rows[t.y], ' ')
	}
	t.rows[t.y][t.x] = char[0]
	if width == 2 {
		t.rows[t.y][t.x+1] = 0
	}
	t.x += width
}

func (t *vt) feed() {
	if t.y++; t.y == t.h {
		t.scrolled = append(t.scrolled, text(t.rows[0]))
		t.rows = append(t.rows[1:], nil)
		t.y--
	}
}

func (t *vt) control(seq string) {
	var n int
	switch {
	case seq == "\r":
		t.x = 0
	case seq == "\n":
		t.feed()
	case seq == ansi.EraseLineRight:
		t.rows[t.y] = t.rows[t.y][:min(t.x, len(t.rows[t.y]))]
	case seq == ansi.EraseScreenBelow:
		t.rows[t.y] = t.rows[t.y][:min(t.x, len(t.rows[t.y]))]
		clear(t.rows[t.y+1:])
	case seq == ansi.SetModeSynchronizedOutput, seq == ansi.ResetModeSynchronizedOutput:
		t.sync = seq == ansi.SetModeSynchronizedOutput
	case seq == ansi.SetModeTextCursorEnable, seq == ansi.ResetModeTextCursorEnable:
		t.hidden = seq == ansi.ResetModeTextCursorEnable
	case seq == ansi.CUU1:
		t.y = max(0, t.y-1)
	case strings.HasSuffix(seq, "m"):
	default:
		if _, err := fmt.Sscanf(seq, "\x1b[%dA", &n); err != nil {
			panic(fmt.Sprintf("the view sent %q", seq))
		}
		t.y = max(0, t.y-n)
	}
}

// String is what the screen shows, with what has scrolled out above it, without blank rows at the end.
func (t *vt) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	var b bytes.Buffer
	for _, row := range t.scrolled {
		b.WriteString(row + "\n")
	}
	for _, row := range t.rows {
		b.WriteString(text(row) + "\n")
	}
	s := strings.TrimRight(b.String(), "\n")
	if s == "" {
		return ""
	}
	return s + "\n"
}

func text(row []rune) string {
	return strings.TrimRight(strings.ReplaceAll(string(row), "\x00", ""), " ")
}
