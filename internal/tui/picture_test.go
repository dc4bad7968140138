package tui

import (
	"bytes"
	"cmp"
	"encoding/xml"
	"fmt"
	"os"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	xvt "github.com/charmbracelet/x/vt"
	"github.com/rogpeppe/go-internal/txtar"
)

// pictures are what recorded streams look like on a terminal, as they go on: that of the readme, and that of docs/terminal.md.
var pictures = map[string]struct {
	stream        string
	columns, rows int
}{
	"../../docs/up.svg":    {"testdata/picture/up.txtar", 100, 40},
	"../../docs/graph.svg": {"testdata/graph.txtar", 120, 30},
}

const (
	pictureCommand = "$ seaworthy up"
	pictureRest    = 6 * time.Second // at the end, before it begins anew
)

// TestDocumentedPictures keeps them as the renderer draws them; -update draws them anew, tools/picture records the readme's anew.
func TestDocumentedPictures(t *testing.T) {
	for file, p := range pictures {
		archive, err := txtar.ParseFile(p.stream)
		if err != nil {
			t.Fatal(err)
		}
		var got []byte
		synctest.Test(t, func(t *testing.T) {
			got = (&film{emulator: xvt.NewEmulator(p.columns, p.rows)}).of(archive.Files[0].Data, t).svg()
		})
		if *update {
			if err := os.WriteFile(file, got, 0o644); err != nil {
				t.Fatal(err)
			}
		}
		if want, err := os.ReadFile(file); err != nil || !bytes.Equal(want, got) {
			t.Errorf("%s is not what is drawn now (%v): go test ./internal/tui -run Documented -update", file, err)
		}
	}
}

// film is what a terminal shows, picture by picture.
type film struct {
	mu       sync.Mutex // guards all
	emulator *xvt.Emulator
	began    time.Time
	shots    []shot
}

// shot is a picture and when it was first seen.
type shot struct {
	at   time.Duration
	rows []string // as SVG
}

func (f *film) of(stream []byte, t *testing.T) *film {
	f.began = time.Now()
	_, _ = f.Write([]byte(pictureCommand + "\r\n"))
	r := New(Options{Out: f, Err: Output{Writer: crlf{f}, Color: true, Width: f.emulator.Width() - 1}, Mode: Terminal, Color: ColorAlways, Size: f.size})
	play(r, parseEvents(t, stream), 0)
	_ = r.Close(nil)
	return f
}

func (f *film) size() (int, int) { return f.emulator.Width(), f.emulator.Height() }

// Write takes a frame, which is one write.
func (f *film) Write(p []byte) (int, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	n, err := f.emulator.Write(p)
	s := shot{at: time.Since(f.began)}
	for y := range f.emulator.Height() {
		s.rows = append(s.rows, f.row(y))
	}
	if last := len(f.shots) - 1; last >= 0 && f.shots[last].at == s.at {
		f.shots = f.shots[:last]
	}
	f.shots = append(f.shots, s)
	return n, err
}

const (
	cellWidth  = 8.4
	cellHeight = 17.0
	margin     = 18.0
)

// classes are the tones by the sequence that they begin with.
var classes = map[string]string{
	tones[Strong].String(): "s", tones[Dim].String(): "d", tones[Active].String(): "a",
	tones[Good].String(): "g", tones[Warning].String(): "w", tones[Bad].String(): "b",
}

const pictureStyle = `text{font:14px ui-monospace,SFMono-Regular,Menlo,Consolas,"DejaVu Sans Mono",monospace;fill:#d0d0d0;white-space:pre}
.s{font-weight:bold;fill:#fff}.d{fill:#8b949e}.a{fill:#39c5cf}.g{fill:#3fb950}.w{fill:#d29922}.b{font-weight:bold;fill:#ff7b72}
`

// row is a line of the terminal as SVG: a piece of text for each run of cells that look alike.
func (f *film) row(y int) string {
	var out, run strings.Builder
	from, class := 0, ""
	flush := func(to int) {
		text := strings.TrimLeft(run.String(), " ")
		from += run.Len() - len(text)
		if text = strings.TrimRight(text, " "); text != "" {
			out.WriteString(`<tspan`)
			if class != "" {
				fmt.Fprintf(&out, ` class="%s"`, class)
			}
			fmt.Fprintf(&out, ` x="%.1f">`, margin+float64(from)*cellWidth)
			_ = xml.EscapeText(&out, []byte(text))
			out.WriteString(`</tspan>`)
		}
		run.Reset()
		from = to
	}
	for x := 0; x < f.emulator.Width(); {
		content, style, width := " ", "", 1
		if cell := f.emulator.CellAt(x, y); cell != nil && cell.Width > 0 {
			content, style, width = cmp.Or(cell.Content, " "), classes[cell.Style.String()], cell.Width
		}
		if style != class {
			flush(x)
			class = style
		}
		run.WriteString(content)
		x += width
	}
	flush(f.emulator.Width())
	return out.String()
}

// svg is the film, over and over. Rows that are seen in several pictures are written once; where nothing moves, the last picture
// is what is seen.
func (f *film) svg() []byte {
	last := f.shots[len(f.shots)-1]
	all := last.at + pictureRest
	var b bytes.Buffer
	used := 0
	for _, s := range f.shots {
		for y, row := range s.rows {
			if row != "" {
				used = max(used, y+1)
			}
		}
	}
	width, height := 2*margin+float64(f.emulator.Width())*cellWidth, 2*margin+float64(used)*cellHeight
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %.0f %.0f" width="%.0f" height="%.0f">`+"\n<style>%s", width, height, width, height, pictureStyle)
	fmt.Fprintf(&b, "g{visibility:hidden;animation:%.2fs step-end infinite}#last{visibility:visible}\n", all.Seconds())
	for i, s := range f.shots {
		until := all
		if i+1 < len(f.shots) {
			until = f.shots[i+1].at
		}
		fmt.Fprintf(&b, "@keyframes f%d{0%%{visibility:hidden}%.2f%%{visibility:visible}%.2f%%{visibility:hidden}}\n", i, percent(s.at, all), percent(until, all))
	}
	b.WriteString("@media(prefers-reduced-motion:reduce){g{animation:none!important}}</style>\n")
	fmt.Fprintf(&b, `<rect width="%.0f" height="%.0f" rx="8" fill="#161b22"/>`+"\n<defs>\n", width, height)
	rows := map[string]int{}
	for _, s := range f.shots {
		for _, row := range s.rows {
			if _, known := rows[row]; !known && row != "" {
				rows[row] = len(rows)
				fmt.Fprintf(&b, "<text id=\"r%d\" xml:space=\"preserve\">%s</text>\n", rows[row], row)
			}
		}
	}
	b.WriteString("</defs>\n")
	for i, s := range f.shots {
		id := ""
		if i == len(f.shots)-1 {
			id = ` id="last"`
		}
		fmt.Fprintf(&b, `<g%s style="animation-name:f%d">`, id, i)
		for y, row := range s.rows {
			if row != "" {
				fmt.Fprintf(&b, `<use href="#r%d" y="%.0f"/>`, rows[row], margin+float64(y+1)*cellHeight-4)
			}
		}
		b.WriteString("</g>\n")
	}
	b.WriteString("</svg>\n")
	return b.Bytes()
}

func percent(part, all time.Duration) float64 { return 100 * part.Seconds() / all.Seconds() }
