package logfile

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/seaworthyhq/seaworthy/internal/redact"
)

// Writer writes a replica's log. Several streams may be copied to it at once.
type Writer struct {
	Dir     string
	MaxSize int64
	Keep    int
	Redact  redact.Redactor // of what must not be written

	mu      sync.Mutex // guards what is below
	file    *os.File   // nil after a rotation that failed
	size    int64
	torn    bool // the file ends in the middle of a line
	dropped int  // lines that could not be written since the last that could
}

// Open makes the folder and opens the file to append to.
func (w *Writer) Open() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if err := os.MkdirAll(w.Dir, 0o700); err != nil {
		return err
	}
	return w.open()
}

func (w *Writer) open() error {
	f, err := os.OpenFile(filepath.Join(w.Dir, current), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	info, err := f.Stat()
	if err != nil {
		return errors.Join(err, f.Close())
	}
	w.file, w.size = f, info.Size()
	return nil
}

// Copy writes the lines of r under the name of stream until r ends. What cannot be written, on a full disk, is left out, and how
// much that was is said as soon as it can be: whoever writes to r must not have to wait.
func (w *Writer) Copy(stream string, r io.Reader) error {
	in := bufio.NewReaderSize(r, MaxLine)
	var line []byte // as far as it is read and not written
	for {
		text, err := in.ReadSlice('\n')
		line = append(line, text...)
		switch {
		case errors.Is(err, bufio.ErrBufferFull):
			line = append(line[:0], w.split(stream, line, w.Redact.Longest())...)
		case len(line) > 0:
			w.write(stream, w.split(stream, trimEnd(line), 0), false)
			line = line[:0]
		}
		if errors.Is(err, io.EOF) || errors.Is(err, fs.ErrClosed) {
			return nil
		}
		if err != nil && !errors.Is(err, bufio.ErrBufferFull) {
			return err
		}
	}
}

// split writes the parts of a line that is too long and returns its rest. A line that goes on keeps back what may be the beginning
// of a secret.
func (w *Writer) split(stream string, line []byte, back int) (rest []byte) {
	for len(line) > MaxLine+back {
		at := w.Redact.Cut(line, MaxLine)
		w.write(stream, line[:at], true)
		line = line[at:]
	}
	return line
}

// Note adds a line to the log in dir, to which nobody else writes.
func Note(dir string, line Line) error {
	w := &Writer{Dir: dir, MaxSize: DefaultMaxSize, Keep: DefaultKeep}
	if err := w.Open(); err != nil {
		return err
	}
	return errors.Join(w.append(line), w.Close())
}

func trimEnd(text []byte) []byte {
	if n := len(text); n > 0 && text[n-1] == '\n' {
		text = text[:n-1]
	}
	if n := len(text); n > 0 && text[n-1] == '\r' {
		text = text[:n-1]
	}
	return text
}

func (w *Writer) write(stream string, text []byte, partial bool) {
	line := Line{Time: time.Now().UTC(), Stream: stream, Line: w.Redact.Text(text), Partial: partial}
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.dropped > 0 {
		said := Line{Time: line.Time, Stream: line.Stream, Line: fmt.Sprintf("[%d lines could not be written]", w.dropped)}
		if w.append(said) != nil {
			w.dropped++
			return
		}
		w.dropped = 0
	}
	if w.append(line) != nil {
		w.dropped++
	}
}

func (w *Writer) append(line Line) error {
	b, err := json.Marshal(line)
	if err != nil {
		return err
	}
	if err := w.makeRoom(int64(len(b))); err != nil {
		return err
	}
	if w.torn {
		b = append([]byte{'\n'}, b...)
	}
	n, err := w.file.Write(append(b, '\n'))
	w.size += int64(n)
	w.torn = err != nil && (w.torn || n > 0)
	return err
}

func (w *Writer) makeRoom(bytes int64) error {
	switch {
	case w.file == nil:
		return w.open()
	case w.size+bytes > w.MaxSize && w.size > 0:
		return w.rotate()
	}
	return nil
}

// rotate renames log.json to log.1.json and so on; the oldest is overwritten. Where another writer has done so already, one whose
// run has ended or the one of the next run, it goes on in the new file.
func (w *Writer) rotate() error {
	done := !w.isCurrent()
	err := w.file.Close()
	w.file, w.torn = nil, false
	if err != nil {
		return err
	}
	for i := w.Keep - 1; i > 0 && !done; i-- {
		err := os.Rename(w.path(i-1), w.path(i))
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return w.open()
}

func (w *Writer) isCurrent() bool {
	have, err := w.file.Stat()
	now, nerr := os.Stat(w.path(0))
	return err == nil && nerr == nil && os.SameFile(have, now)
}

func (w *Writer) path(i int) string { return rotated(w.Dir, i) }

func rotated(dir string, i int) string {
	if i == 0 {
		return filepath.Join(dir, current)
	}
	return filepath.Join(dir, fmt.Sprintf("log.%d.json", i))
}

// Close closes the file.
func (w *Writer) Close() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.file == nil {
		return nil
	}
	return w.file.Close()
}
