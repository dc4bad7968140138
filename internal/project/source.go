package project

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"strings"

	"github.com/seaworthyhq/seaworthy/internal/plainfile"
)

// source is the text of one of the project's files.
type source struct {
	path  string // absolute
	name  string // as people are shown it
	text  []byte
	lines []string
}

func newSource(dir, path string, text []byte) *source {
	return &source{path: path, name: relative(dir, path), text: text, lines: strings.Split(string(text), "\n")}
}

// readSource reads a file; the problem says what to do where it cannot be read.
func readSource(dir, path string) (*source, *Problem) {
	text, err := plainfile.Read(path)
	if err != nil {
		return nil, unreadable(dir, path, err)
	}
	src := newSource(dir, path, text)
	return src, src.noText()
}

// noText reports a NUL character, where every program would see an end. There is no excerpt: the file may hold secrets.
func (s *source) noText() *Problem {
	i := bytes.IndexByte(s.text, 0)
	if i < 0 {
		return nil
	}
	return &Problem{
		Severity: Error, File: s.name, Line: 1 + bytes.Count(s.text[:i], []byte{'\n'}),
		Message: "a NUL character stands here", Hint: "remove it; if the file is UTF-16, save it as UTF-8",
	}
}

func unreadable(dir, path string, err error) *Problem {
	p := Problem{Severity: Error, File: relative(dir, path), Message: "cannot be read: " + reason(err)}
	if errors.Is(err, fs.ErrNotExist) {
		p.Message = "there is no such file"
	}
	return &p
}

// whyNot is unreadable for a problem at the place that names the file.
func whyNot(dir, path string, err error) string {
	p := unreadable(dir, path, err)
	return p.File + ": " + p.Message
}

// reason is the cause of a file system error without operation and path, which the caller has said already.
func reason(err error) string {
	if e, ok := errors.AsType[*fs.PathError](err); ok {
		return e.Err.Error()
	}
	return err.Error()
}

// relative is path as seen from dir; a path outside of dir stays absolute.
func relative(dir, path string) string {
	rel, err := filepath.Rel(dir, path)
	if err != nil || rel == ".." || strings.HasPrefix(rel, "../") {
		return path
	}
	return rel
}

// problem is an error at a position of the file; width is how much of the line it is about (0: not known).
func (s *source) problem(line, column, width int, message, hint string) Problem {
	return Problem{
		Severity: Error, File: s.name, Line: line, Column: column, Message: message, Hint: hint,
		Excerpt: s.excerpt(line, column, width),
	}
}

// excerpt is the line, the one before it, and a caret.
func (s *source) excerpt(line, column, width int) string {
	if line < 1 || line > len(s.lines) {
		return ""
	}
	var b strings.Builder
	if line > 1 && strings.TrimSpace(s.lines[line-2]) != "" {
		fmt.Fprintf(&b, "%5d │ %s\n", line-1, clip(s.lines[line-2]))
	}
	fmt.Fprintf(&b, "%5d │ %s", line, clip(s.lines[line-1]))
	if column > 0 {
		indent := indentOf(s.lines[line-1], column-1)
		fmt.Fprintf(&b, "\n      │ %s%s", indent, strings.Repeat("^", max(1, width)))
	}
	return b.String()
}

// indentOf keeps the tabs of the first n characters, so that a caret below them stands where they end.
func indentOf(line string, n int) string {
	var b strings.Builder
	for _, r := range line {
		if n--; n < 0 {
			break
		}
		if r != '\t' {
			r = ' '
		}
		b.WriteRune(r)
	}
	return b.String()
}

func clip(line string) string {
	const most = 160
	line = strings.TrimRight(line, "\r")
	if r := []rune(line); len(r) > most {
		return string(r[:most]) + "…"
	}
	return line
}
