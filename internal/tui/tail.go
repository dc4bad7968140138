package tui

import "strings"

// How much of the log of a running step is kept to be shown in full if it fails.
const (
	tailLines = 500
	tailBytes = 256 << 10
)

// tail is the end of a log. Its memory is bounded, however much is written.
type tail struct {
	lines []string
	bytes int
	lost  int // lines that were written before those that are kept
}

func (t *tail) add(line string) {
	if len(line) > maxLine {
		line = strings.Clone(line[:maxLine]) + "…" // the rest of it is not kept
	}
	t.lines = append(t.lines, line)
	t.bytes += len(line)
	drop := 0
	for len(t.lines)-drop > tailLines || t.bytes > tailBytes {
		t.bytes -= len(t.lines[drop])
		t.lines[drop] = ""
		drop++
	}
	t.lines = t.lines[drop:]
	t.lost += drop
}

// last returns the last n lines, or fewer.
func (t *tail) last(n int) []string { return t.lines[len(t.lines)-max(0, min(n, len(t.lines))):] }
