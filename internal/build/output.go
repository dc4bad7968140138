package build

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"reflect"
	"sync"
	"time"

	"github.com/moby/buildkit/executor"
	"github.com/moby/buildkit/util/progress/logs"
)

// BuildKit keeps all that steps write until the build ends, and each line is an event. So of each stream of a step the beginning
// is told as it comes and the end when the step has ended; what is between them is left out.
const (
	toldAtOnce = 8 << 20
	toldAtEnd  = 1 << 20 // at least, and at most twice as much
	// longestBreak is how far the line that reaches the limit goes on, so that a secret in it can be recognised: one may have 500 KiB,
	// in hexadecimal twice as much.
	longestBreak = 1 << 20
	// Of each write BuildKit keeps half a KiB more than was written, so what comes within a moment is handed over as one.
	gatherFor   = 50 * time.Millisecond
	gatherBytes = 32 << 10
)

// output is a stream of a RUN step on its way to BuildKit.
type output struct {
	io.WriteCloser

	mu       sync.Mutex // guards the rest; held while handing over, so that the order is kept
	gathered []byte
	later    *time.Timer // hands over what was gathered
	told     int         // bytes
	full     bool        // the beginning is told
	broken   bool        // in the middle of a line
	end      []byte
	left     int // bytes before the end
}

// logStream is the type by which BuildKit takes in what becomes a step's log. Other streams are programs talking to each other.
var logStream = func() reflect.Type {
	stdout, _, _ := logs.NewLogStreams(context.Background(), false)
	return reflect.TypeOf(stdout)
}()

// limitOutput holds what a process writes to what is told of it. The function it returns tells the end.
func limitOutput(process *executor.ProcessInfo) (finish func()) {
	var all []*output
	for _, stream := range []*io.WriteCloser{&process.Stdout, &process.Stderr} {
		if reflect.TypeOf(*stream) == logStream {
			o := newOutput(*stream)
			*stream = o
			all = append(all, o)
		}
	}
	return func() {
		for _, o := range all {
			o.finish()
		}
	}
}

func newOutput(to io.WriteCloser) *output {
	o := &output{WriteCloser: to}
	o.later = time.AfterFunc(gatherFor, o.handOver)
	return o
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	n := o.beginning(p)
	o.keep(p[n:])
	if n == 0 {
		return len(p), nil
	}
	if len(o.gathered) == 0 {
		o.later.Reset(gatherFor)
	}
	o.gathered = append(o.gathered, p[:n]...)
	if o.full {
		o.announce()
	}
	if len(o.gathered) >= gatherBytes || o.full {
		o.flush()
	}
	return len(p), nil
}

// beginning is how many bytes of p are told at once: all until the limit, and the line that reaches it.
func (o *output) beginning(p []byte) int {
	if o.full {
		return 0
	}
	o.told += len(p)
	over := o.told - toldAtOnce
	if over <= 0 {
		return len(p)
	}
	from := max(0, len(p)-over)
	if at := bytes.IndexByte(p[from:], '\n'); at >= 0 {
		o.full = true
		return from + at + 1
	}
	o.broken = over > longestBreak
	o.full = o.broken
	return len(p)
}

// keep has p for the end.
func (o *output) keep(p []byte) {
	o.end = append(o.end, p...)
	if over := len(o.end) - toldAtEnd; over > toldAtEnd {
		o.left += over
		o.end = append(o.end[:0], o.end[over:]...)
	}
}

func (o *output) announce() {
	if o.broken {
		o.gathered = append(o.gathered, '\n')
	}
	o.gathered = fmt.Appendf(o.gathered, "[%d MiB written: the end follows when the step has ended]\n", toldAtOnce>>20)
}

func (o *output) handOver() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.flush()
}

func (o *output) flush() {
	if len(o.gathered) > 0 {
		_, _ = o.WriteCloser.Write(o.gathered) // BuildKit takes all, and a copy
	}
	o.gathered = o.gathered[:0]
}

// finish tells the end, from where a line begins: of a secret that was cut nobody would recognise the rest.
func (o *output) finish() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.later.Stop()
	end := o.end
	if o.broken || o.left > 0 {
		_, end, _ = bytes.Cut(o.end, []byte("\n"))
		o.gathered = fmt.Appendf(o.gathered, "[… %.1f MB left out]\n", float64(o.left+len(o.end)-len(end))/1e6)
	}
	o.gathered = append(o.gathered, end...)
	o.end = nil
	o.flush()
}
