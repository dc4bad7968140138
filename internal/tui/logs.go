package tui

import (
	"io"
	"strings"
	"sync"
	"time"

	"github.com/charmbracelet/x/ansi"

	"github.com/seaworthyhq/seaworthy/internal/event"
)

// LogOptions say how the lines of replicas are shown.
type LogOptions struct {
	Color       ColorMode
	Timestamps  bool
	NoPrefix    bool // lines as they were written
	Generations bool // after the replica, the deployment that started it: "web-1#3"
}

// Logs renders the log events of a stream, "web-1 | line", a colour a replica, and passes over everything else.
type Logs struct {
	LogOptions
	out   Output
	mu    sync.Mutex // one line at a time; guards what follows
	width int        // of the widest name so far
	tones map[string]ansi.Style
	err   error
}

// NewLogs returns a sink that writes the lines of replicas to w.
func NewLogs(w io.Writer, o LogOptions) *Logs {
	return &Logs{LogOptions: o, out: Describe(w, o.Color), tones: map[string]ansi.Style{}}
}

// replicaColors tell replicas apart; red is left to errors.
var replicaColors = []ansi.Attr{
	ansi.AttrCyanForegroundColor, ansi.AttrYellowForegroundColor, ansi.AttrGreenForegroundColor,
	ansi.AttrMagentaForegroundColor, ansi.AttrBlueForegroundColor, ansi.AttrBrightCyanForegroundColor,
	ansi.AttrBrightYellowForegroundColor, ansi.AttrBrightGreenForegroundColor, ansi.AttrBrightMagentaForegroundColor,
	ansi.AttrBrightBlueForegroundColor,
}

// Emit writes the line of a log event.
func (l *Logs) Emit(e event.Event) {
	if e.Log == nil {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.err != nil {
		return
	}
	_, l.err = io.WriteString(l.out, strings.Join(l.parts(e), " ")+"\n")
}

func (l *Logs) parts(e event.Event) []string {
	var parts []string
	name, text := logReplica(*e.Log), Clean(e.Log.Line)
	if l.Generations && e.Log.Deployment > 0 {
		name += "#" + itoa(e.Log.Deployment)
	}
	l.width = max(l.width, ansi.StringWidth(name))
	switch {
	case e.Log.Stream == event.Exit:
		parts = append(parts, l.paint(name, pad(name, l.width)))
	case !l.NoPrefix:
		parts = append(parts, l.paint(name, pad(name, l.width)+" |"))
	}
	if l.Timestamps {
		parts = append(parts, l.out.Paint(Dim, e.Time.UTC().Format(time.RFC3339Nano)))
	}
	if text != "" || len(parts) == 0 {
		parts = append(parts, text)
	}
	return parts
}

// Err is the error of the first write that failed: the reader has gone.
func (l *Logs) Err() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.err
}

// paint gives each replica the next colour as it first appears.
func (l *Logs) paint(name, text string) string {
	if !l.out.Color {
		return text
	}
	style, ok := l.tones[name]
	if !ok {
		style = ansi.NewStyle(replicaColors[len(l.tones)%len(replicaColors)])
		l.tones[name] = style
	}
	return style.Styled(text)
}

// logReplica is what people call the replica that wrote a line: service and index, where the replica's name ends with one.
func logReplica(l event.Log) string {
	if i := strings.LastIndexByte(l.Replica, '-'); i >= 0 && digits(l.Replica[i+1:]) {
		return Clean(l.Service + l.Replica[i:])
	}
	if l.Replica != "" {
		return Clean(l.Replica)
	}
	return Clean(l.Service)
}

func digits(s string) bool { return s != "" && strings.Trim(s, "0123456789") == "" }
