// Package report reads what test programs write (JUnit XML, go test -json) and sums it up, in memory that does not grow with
// what they wrote. It knows neither where that comes from nor who is told.
package report

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode"

	utf16 "golang.org/x/text/encoding/unicode"

	"github.com/seaworthyhq/seaworthy/internal/phrase"
	"github.com/seaworthyhq/seaworthy/internal/release"
)

// Summary sums up tests. The zero value has none.
type Summary struct {
	release.Tests
	Failures []string // names of tests that failed, the first ones, each once, as they were written
}

// Of tests that failed so many are named, each as far as people read. A name that is too long for that by far is none: of a secret
// in it a part might stay.
const (
	maxFailures = 10
	maxName     = 200 // characters
	hugeName    = 8 << 10
)

// ErrBroken is the error of a report that ends where it should not, as that of a program that was killed.
var ErrBroken = errors.New("broken off")

// ErrContradicts is the error of a report whose test cases are not what it says of itself.
var ErrContradicts = errors.New("says that tests failed, and has no test case that did")

// ErrEmpty is the error of a file that has nothing in it, which may be none of a report.
var ErrEmpty = errors.New("is empty")

// Add adds the tests of another summary.
func (s *Summary) Add(other Summary) {
	s.Total += other.Total
	s.Failed += other.Failed
	s.Skipped += other.Skipped
	for _, name := range other.Failures {
		s.name(name)
	}
}

func (s *Summary) failed(name string) {
	s.Failed++
	s.name(name)
}

func (s *Summary) name(name string) {
	if len(name) > hugeName {
		name = "(a name of many bytes)"
	}
	if len(s.Failures) < maxFailures && !slices.Contains(s.Failures, name) {
		s.Failures = append(s.Failures, name)
	}
}

// Read sums up a file. One that is no report of tests has none, and is no error.
func Read(file io.Reader) (Summary, error) {
	in := bufio.NewReaderSize(file, maxLine)
	if start, _ := in.Peek(2); len(start) == 2 {
		if order, is := utf16Order(start); is {
			in = bufio.NewReaderSize(utf16.UTF16(order, utf16.UseBOM).NewDecoder().Reader(in), maxLine)
		}
	}
	switch first, err := firstByte(in); {
	case errors.Is(err, io.EOF):
		return Summary{}, ErrEmpty
	case err != nil:
		return Summary{}, fmt.Errorf("read report: %w", err)
	case first == '<':
		return readJUnit(in)
	case first == '{':
		return readGoTest(in)
	}
	return Summary{}, nil
}

// utf16Order reports whether a text that begins so is UTF-16, as programs of Windows write it, and in which order its bytes are.
func utf16Order(start []byte) (order utf16.Endianness, is bool) {
	switch {
	case start[0] == 0xff && start[1] == 0xfe, start[0] != 0 && start[1] == 0:
		return utf16.LittleEndian, true
	case start[0] == 0xfe && start[1] == 0xff, start[0] == 0 && start[1] != 0:
		return utf16.BigEndian, true
	}
	return order, false
}

// firstByte is what a text begins with, behind a byte order mark and space.
func firstByte(in *bufio.Reader) (byte, error) {
	if mark, _ := in.Peek(3); bytes.Equal(mark, []byte("\xef\xbb\xbf")) {
		in.Discard(len(mark)) //nolint:errcheck // they are there
	}
	for {
		b, err := in.ReadByte()
		if err != nil {
			return 0, err
		}
		if !strings.ContainsRune(" \t\r\n", rune(b)) {
			return b, in.UnreadByte()
		}
	}
}

// Clean is the summary with names that are fit for one line and have no secrets in them.
func (s Summary) Clean(hide func([]byte) string) Summary {
	s.Failures = slices.Clone(s.Failures)
	for i, name := range s.Failures {
		s.Failures[i] = OneLine(hide([]byte(name)))
	}
	return s
}

// OneLine is a name that some program gave, fit for one line and not longer than people read.
func OneLine(name string) string {
	name = strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		return -1
	}, strings.ToValidUTF8(name, "\uFFFD"))
	if letters := []rune(name); len(letters) > maxName {
		name = string(letters[:maxName]) + "…"
	}
	return name
}

// String is "142 tests, 2 failed: TestParse, TestRead; 1 skipped".
func (s Summary) String() string {
	text := phrase.Count(s.Total, "test")
	if s.Failed > 0 {
		text += fmt.Sprintf(", %d failed", s.Failed)
	}
	between := ", "
	if len(s.Failures) > 0 {
		text, between = text+": "+phrase.More(s.Failures, s.Failed-len(s.Failures)), "; "
	}
	if s.Skipped > 0 {
		text += fmt.Sprintf("%s%d skipped", between, s.Skipped)
	}
	return text
}
