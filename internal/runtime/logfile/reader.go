package logfile

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"iter"
	"os"
	"time"
)

// Options say what of a log is read.
type Options struct {
	Since time.Time // zero: from the beginning of what is kept
	Tail  int       // the last so many lines; 0: all
	// Follow goes on with what is written while reading, until Ended says that nothing more will be.
	Follow bool
	Ended  func() bool
}

// poll is how often a followed log is looked at.
const poll = 50 * time.Millisecond

// Read yields the lines of the log in dir, oldest first, across rotations. A log that is not there has no lines.
func Read(ctx context.Context, dir string, opts Options) iter.Seq2[Line, error] {
	return func(yield func(Line, error) bool) {
		r := NewReader(dir, opts)
		defer r.Close()
		whole := true
		relay := func(line Line, err error) bool {
			whole = yield(line, err) && err == nil
			return whole
		}
		r.Backlog()(relay)
		if whole && opts.Follow {
			r.Follow(ctx, opts.Ended)(relay)
		}
	}
}

// Reader reads one log: first its backlog, then, as often as wanted, what is written later.
type Reader struct {
	dir  string
	opts Options
	file *os.File
	buf  *bufio.Reader
	rest []byte // the beginning of a line that is not complete yet
}

// NewReader is a reader of the log in dir, which may not be there yet. Close it.
func NewReader(dir string, opts Options) *Reader { return &Reader{dir: dir, opts: opts} }

// Backlog yields what is there, oldest first; with a Tail, the end of it.
func (r *Reader) Backlog() iter.Seq2[Line, error] {
	return func(yield func(Line, error) bool) {
		kept, more, err := r.backlog(yield)
		if err != nil {
			yield(Line{}, err)
			return
		}
		for i := 0; more && i < len(kept); i++ {
			more = yield(kept[i], nil)
		}
	}
}

// Follow yields what is written behind what was read, until ended says that nothing more will be. It may be called again.
func (r *Reader) Follow(ctx context.Context, ended func() bool) iter.Seq2[Line, error] {
	return func(yield func(Line, error) bool) {
		if err := r.follow(ctx, ended, yield); err != nil {
			yield(Line{}, err)
		}
	}
}

// backlog reads what is there, oldest file first. Without a Tail it yields at once; with one it returns the last lines.
func (r *Reader) backlog(yield func(Line, error) bool) (kept []Line, more bool, err error) {
	take := func(line Line) bool {
		if r.opts.Tail <= 0 {
			return yield(line, nil)
		}
		if kept = append(kept, line); len(kept) > 2*r.opts.Tail {
			kept = append(kept[:0], kept[len(kept)-r.opts.Tail:]...)
		}
		return true
	}
	for i := r.oldest(); i >= 0; i-- {
		if err := r.open(i); errors.Is(err, fs.ErrNotExist) {
			continue
		} else if err != nil {
			return nil, false, err
		}
		if more, err := r.drain(take); err != nil || !more {
			return nil, false, err
		}
	}
	if over := len(kept) - r.opts.Tail; r.opts.Tail > 0 && over > 0 {
		kept = kept[over:]
	}
	return kept, true, nil
}

func (r *Reader) oldest() int {
	oldest := 0
	for i := 1; ; i++ {
		if _, err := os.Stat(rotated(r.dir, i)); err != nil {
			return oldest
		}
		oldest = i
	}
}

func (r *Reader) follow(ctx context.Context, isEnded func() bool, yield func(Line, error) bool) error {
	take := func(line Line) bool { return yield(line, nil) }
	tick := time.NewTicker(poll)
	defer tick.Stop()
	for {
		ended := isEnded != nil && isEnded() // asked before the last read, so that nothing is missed
		if more, err := r.drain(take); err != nil || !more {
			return err
		}
		if again, err := r.next(); err != nil {
			return err
		} else if again {
			continue
		}
		if ended {
			return nil
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-tick.C:
		}
	}
}

// next goes on to the file that is being written, where it is not the one that was read to its end.
func (r *Reader) next() (moved bool, err error) {
	now, err := os.Stat(rotated(r.dir, 0))
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	if r.file != nil {
		if have, err := r.file.Stat(); err == nil && os.SameFile(have, now) {
			return false, nil
		}
	}
	// Everything was read of a file that is no longer written to: the writer renames only after its last write.
	return true, r.open(0)
}

func (r *Reader) open(i int) error {
	f, err := os.Open(rotated(r.dir, i))
	if err != nil {
		return err
	}
	r.Close()
	r.file, r.buf, r.rest = f, bufio.NewReaderSize(f, 64<<10), nil
	return nil
}

// Close closes what is open.
func (r *Reader) Close() {
	if r.file != nil {
		_ = r.file.Close() // only read from
		r.file = nil
	}
}

// drain reads complete lines up to the end of the file, and keeps an incomplete one for later.
func (r *Reader) drain(take func(Line) bool) (more bool, err error) {
	if r.file == nil {
		return true, nil
	}
	for {
		text, err := r.buf.ReadBytes('\n')
		r.rest = append(r.rest, text...)
		if errors.Is(err, io.EOF) {
			return true, nil
		}
		if err != nil {
			return false, err
		}
		var line Line
		// A line that was torn when the machine lost power is passed over.
		if json.Unmarshal(bytes.TrimSpace(r.rest), &line) == nil && !line.Time.Before(r.opts.Since) && !take(line) {
			return false, nil
		}
		r.rest = r.rest[:0]
	}
}
