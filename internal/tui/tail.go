package tui

// tailLimit is how many lines of a running step's log are kept to be shown in full if it fails.
const tailLimit = 500

// tail is the end of a log. Its memory is bounded, however much is written.
type tail struct {
	lines   []string // a ring once it is full
	written int
}

func (t *tail) add(line string) {
	if len(line) > maxLine {
		line = line[:maxLine] + "…"
	}
	if len(t.lines) < tailLimit {
		t.lines = append(t.lines, line)
	} else {
		t.lines[t.written%tailLimit] = line
	}
	t.written++
}

// last returns the last n lines, or fewer.
func (t *tail) last(n int) []string {
	n = min(n, len(t.lines))
	lines := make([]string, 0, max(0, n))
	for i := t.written - n; i < t.written; i++ {
		lines = append(lines, t.lines[i%tailLimit])
	}
	return lines
}

// lost is how many lines were written before those that are kept.
func (t *tail) lost() int { return t.written - len(t.lines) }
