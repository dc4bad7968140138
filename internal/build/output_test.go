package build

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// taker takes what BuildKit would.
type taker struct {
	bytes.Buffer
	writes int
}

func (l *taker) Write(p []byte) (int, error) {
	l.writes++
	return l.Buffer.Write(p)
}

func (l *taker) Close() error { return nil }

// written is what is told of a text that comes in pieces.
func written(t *testing.T, text string, piece int) *taker {
	t.Helper()
	l := &taker{}
	o := newOutput(l)
	for rest := []byte(text); len(rest) > 0; {
		n, err := o.Write(rest[:min(piece, len(rest))])
		if err != nil {
			t.Fatal(err)
		}
		rest = rest[n:]
	}
	o.finish()
	return l
}

func TestOfMuchOutputTheBeginningAndTheEndAreTold(t *testing.T) {
	line := strings.Repeat("x", 99) + "\n"
	const announced = "[8 MiB written: the end follows when the step has ended]\n"
	lines := func(n int) string { return strings.Repeat(line, n) }
	atOnce := lines(toldAtOnce/100 + 1)
	endless := strings.Repeat("x", toldAtOnce+longestBreak+1)
	for name, tc := range map[string]struct {
		text  string
		piece int
		want  string
	}{
		"nothing":            {"", 1, ""},
		"little":             {lines(1000) + "no line end", 1000, lines(1000) + "no line end"},
		"as much as is kept": {atOnce + lines(toldAtEnd/100), 4096, atOnce + announced + lines(toldAtEnd/100)},
		"a secret at the limit": {
			atOnce[:toldAtOnce-5] + "the secret\nnext\n", toldAtOnce - 2,
			atOnce[:toldAtOnce-5] + "the secret\n" + announced + "next\n",
		},
		"a line without an end": {endless + "the rest of a secret\nthe end\n", len(endless), endless + "\n" + announced + "[… 0.0 MB left out]\nthe end\n"},
	} {
		t.Run(name, func(t *testing.T) {
			if got := written(t, tc.text, tc.piece).String(); got != tc.want {
				t.Errorf("told %d bytes, want %d: …%q", len(got), len(tc.want), got[max(0, len(got)-200):])
			}
		})
	}
	t.Run("much", func(t *testing.T) {
		got := written(t, lines(1_000_000)+"the end", 32<<10).String()
		end, ok := strings.CutPrefix(got, atOnce+announced)
		note, end, _ := strings.Cut(end, "\n")
		if want := fmt.Sprintf("[… %.1f MB left out]", float64(100_000_007-len(atOnce)-len(end))/1e6); !ok || note != want {
			t.Errorf("note %q, want %q", note, want)
		}
		if diff := cmp.Diff(strings.Repeat(line, len(end)/100)+"the end", end); diff != "" || len(end) < toldAtEnd || len(end) > 2*toldAtEnd {
			t.Errorf("%d bytes of the end: %s", len(end), diff)
		}
	})
}

func TestSmallWritesAreHandedOverTogether(t *testing.T) {
	if l := written(t, strings.Repeat("x\n", 100_000), 2); l.writes > 1000 || l.Len() != 200_000 {
		t.Errorf("%d writes of %d bytes", l.writes, l.Len())
	}
}
