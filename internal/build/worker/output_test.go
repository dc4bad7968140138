package worker

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/moby/buildkit/client"
)

// taker is where output goes.
type taker struct {
	told  strings.Builder
	parts int
}

func (k *taker) take(ps pieces) {
	k.parts++
	for _, data := range Written(&client.VertexLog{Stream: inPieces, Data: ps}) {
		k.told.Write(data)
	}
}

// write writes a text in pieces.
func write(t *testing.T, s *stream, text string, piece int) {
	t.Helper()
	for rest := []byte(text); len(rest) > 0; {
		n, err := s.Write(rest[:min(piece, len(rest))])
		if err != nil {
			t.Fatal(err)
		}
		rest = rest[n:]
	}
}

// written is what is told of a text that comes in pieces on one stream, and in how many parts.
func written(t *testing.T, text string, piece int) (told string, parts int) {
	t.Helper()
	var k taker
	o := newOutput(k.take)
	write(t, &stream{of: o, number: 1}, text, piece)
	o.finish()
	return k.told.String(), k.parts
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
			if got, _ := written(t, tc.text, tc.piece); got != tc.want {
				t.Errorf("told %d bytes, want %d: …%q", len(got), len(tc.want), got[max(0, len(got)-200):])
			}
		})
	}
	t.Run("much", func(t *testing.T) {
		got, _ := written(t, lines(1_000_000)+"the end", 32<<10)
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
	if told, parts := written(t, strings.Repeat("x\n", 100_000), 2); parts > 1000 || len(told) != 200_000 {
		t.Errorf("%d bytes in %d parts", len(told), parts)
	}
}

func TestWhatIsWrittenLastIsToldLastWhicheverTheStream(t *testing.T) {
	for name, much := range map[string]string{"little": "much\n", "more than is told": strings.Repeat("much\n", 4<<20)} {
		t.Run(name, func(t *testing.T) {
			var k taker
			o := newOutput(k.take)
			stdout, stderr := &stream{of: o, number: 1}, &stream{of: o, number: 2}
			write(t, stdout, much, 32<<10)
			write(t, stderr, "why\n", 4)
			write(t, stdout, "one\n", 4)
			write(t, stderr, "two\n", 4)
			o.finish()
			if told := k.told.String(); !strings.HasSuffix(told, "much\nwhy\none\ntwo\n") {
				t.Errorf("told …%q", told[max(0, len(told)-100):])
			}
		})
	}
}
