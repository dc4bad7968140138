package worker

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"iter"
	"reflect"
	"sync"
	"time"

	"github.com/moby/buildkit/client"
	"github.com/moby/buildkit/executor"
	"github.com/moby/buildkit/identity"
	progresswriter "github.com/moby/buildkit/util/progress"
	"github.com/moby/buildkit/util/progress/logs"
)

// BuildKit keeps all that steps write until the build ends, and each line is an event. So of what a step writes the beginning is
// told as it comes and the end when the step has ended; what is between them is left out.
const (
	toldAtOnce = 8 << 20
	toldAtEnd  = 1 << 20 // at least, and at most twice as much
	// longestBreak is how far a line that reaches the limit goes on, so that a secret in it can be recognised: one may have 500 KiB,
	// in hexadecimal twice as much.
	longestBreak = 1 << 20
	// For each write BuildKit keeps half a KiB more than was written, so what comes within a moment is handed over at once.
	gatherFor   = 50 * time.Millisecond
	gatherBytes = 32 << 10
)

// output is what a RUN step writes, on its way to BuildKit. What its streams write keeps its order.
type output struct {
	handOver func(pieces)

	mu       sync.Mutex // guards the rest, streams too; held while handing over
	told     int        // bytes
	full     byte       // the stream that reached the limit, and is between two lines; 0: none did
	gathered pieces
	later    *time.Timer
	end      pieces
	left     int       // bytes before the end
	all      io.Writer // of standard output, whatever is told of it; nil: nobody
	last     heldBack
	cut      [3]bool // the streams of which the end does not begin with a line
}

// stream is one that a step writes to.
type stream struct {
	io.Closer
	of     *output
	number byte
	inLine bool // what was told ends within a line
	over   int  // bytes of that line behind the limit
	ended  bool // the beginning is told
}

// logStream is the type by which BuildKit takes in what becomes a step's log. Other streams are programs talking to each other.
var logStream = func() reflect.Type {
	stdout, _, _ := logs.NewLogStreams(context.Background(), false)
	return reflect.TypeOf(stdout)
}()

// limitOutput holds what a process writes to what is told of it, but for all, which hears all of its standard output unless it is nil.
// finish tells the end.
func limitOutput(ctx context.Context, process *executor.ProcessInfo, all io.Writer) (o *output, finish func()) {
	to, _, _ := progresswriter.NewFromContext(ctx)
	o = newOutput(func(ps pieces) {
		_ = to.Write(identity.NewID(), client.VertexLog{Stream: inPieces, Data: ps}) // it fails where nobody listens any more
	})
	o.all = all
	for i, s := range []*io.WriteCloser{&process.Stdout, &process.Stderr} {
		if reflect.TypeOf(*s) == logStream {
			*s = &stream{Closer: *s, of: o, number: byte(i + 1)}
		}
	}
	return o, func() {
		o.finish()
		_ = to.Close() // it has nothing to write
	}
}

func newOutput(handOver func(pieces)) *output {
	o := &output{handOver: handOver}
	o.later = time.AfterFunc(gatherFor, func() {
		o.mu.Lock()
		defer o.mu.Unlock()
		o.flush()
	})
	return o
}

func (s *stream) Write(p []byte) (int, error) {
	s.of.mu.Lock()
	defer s.of.mu.Unlock()
	if s.of.all != nil && s.number == stdout {
		_, _ = s.of.all.Write(p) // it never fails
	}
	s.write(s.hold(p))
	return len(p), nil
}

func (s *stream) write(p []byte) {
	n := s.beginning(p)
	s.tell(p[:n])
	if s.over > longestBreak && !s.ended {
		s.tell([]byte("\n"))
		s.ended, s.of.cut[s.number] = true, true
	}
	if s.ended && s.of.full == 0 {
		s.of.full = s.number
		s.tell(fmt.Appendf(nil, "[%d MiB written: the end follows when the step has ended]\n", toldAtOnce>>20))
	}
	s.of.keep(s.number, p[n:])
}

// beginning is how many bytes of p are told at once: all until the limit, and the line that reaches it.
func (s *stream) beginning(p []byte) int {
	if s.ended {
		return 0
	}
	from := max(0, min(len(p), toldAtOnce-s.of.told))
	switch at := bytes.IndexByte(p[from:], '\n'); {
	case from == len(p):
		return from
	case from == 0 && !s.inLine:
		s.ended = true
		return 0
	case at >= 0:
		s.ended = true
		return from + at + 1
	}
	s.over += len(p) - from
	return len(p)
}

func (s *stream) tell(p []byte) {
	if len(p) == 0 {
		return
	}
	s.inLine = p[len(p)-1] != '\n'
	s.of.told += len(p)
	s.of.gather(s.number, p)
}

func (o *output) gather(number byte, p []byte) {
	if len(o.gathered) == 0 {
		o.later.Reset(gatherFor)
	}
	o.gathered = o.gathered.with(number, p)
	if len(o.gathered) >= gatherBytes {
		o.flush()
	}
}

func (o *output) flush() {
	if len(o.gathered) > 0 {
		o.handOver(o.gathered)
	}
	o.gathered = nil
}

// keep has p for the end.
func (o *output) keep(number byte, p []byte) {
	if len(p) == 0 {
		return
	}
	o.end = o.end.with(number, p)
	if len(o.end) <= 2*toldAtEnd {
		return
	}
	rest := o.end
	for len(rest) > toldAtEnd {
		number, data, after := rest.next()
		o.left += len(data)
		o.cut[number] = true
		rest = after
	}
	o.end = append(o.end[:0], rest...)
}

// finish tells the end, of each stream from where a line begins: of a secret that was cut nobody would recognise the rest.
func (o *output) finish() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.later.Stop()
	if last := o.last; last.of != nil {
		last.of.write(last.text)
	}
	var end pieces
	for rest := o.end; len(rest) > 0; {
		number, data, after := rest.next()
		if o.cut[number] {
			_, line, found := bytes.Cut(data, []byte("\n"))
			o.left += len(data) - len(line)
			o.cut[number] = !found
			data = line
		}
		end, rest = end.with(number, data), after
	}
	if o.left > 0 {
		o.gather(o.full, fmt.Appendf(nil, "[… %.1f MB left out]\n", float64(o.left)/1e6))
	}
	o.gathered, o.end = append(o.gathered, end...), nil
	o.flush()
}

// pieces are what streams wrote, in order: each with the number of its stream and its length before it.
type pieces []byte

// stdout is the number of standard output.
const stdout = 1

// inPieces is the number of a stream that is a step's both, in pieces.
const inPieces = 0

// Written is what a log brings of each stream, in order.
func Written(log *client.VertexLog) iter.Seq2[int, []byte] {
	return func(yield func(stream int, data []byte) bool) {
		if log.Stream != inPieces {
			yield(log.Stream, log.Data)
			return
		}
		for rest := pieces(log.Data); len(rest) > 0; {
			number, data, after := rest.next()
			if !yield(int(number), data) {
				return
			}
			rest = after
		}
	}
}

const pieceHead = 5

func (ps pieces) with(number byte, data []byte) pieces {
	return append(binary.BigEndian.AppendUint32(append(ps, number), uint32(len(data))), data...)
}

func (ps pieces) next() (number byte, data []byte, rest pieces) {
	end := pieceHead + binary.BigEndian.Uint32(ps[1:])
	return ps[0], ps[pieceHead:end], ps[end:]
}
