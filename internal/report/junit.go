package report

import (
	"bytes"
	"errors"
	"fmt"
	"html"
	"io"
	"strconv"

	"github.com/seaworthyhq/seaworthy/internal/release"
)

// readJUnit counts the test cases of JUnit XML, in which everybody agrees on testcase, failure, error and skipped, and on little
// else. It is lenient: programs write characters into it that XML has no place for.
func readJUnit(in io.ByteReader) (Summary, error) {
	var s Summary
	var test testCase
	var said claim
	for open, tags := 0, (tags{in: in}); ; {
		tag, err := tags.next()
		switch {
		case errors.Is(err, io.EOF) && open == 0:
			return said.settle(s)
		case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
			if test.failed { // of one that has not, nobody knows
				test.end("testcase", &s)
			}
			return s, fmt.Errorf("JUnit XML, %w", ErrBroken)
		case err != nil:
			return s, fmt.Errorf("read JUnit XML: %w", err)
		}
		name, ends := tag.name()
		if open == 0 && name != "testsuites" && name != "testsuite" {
			return s, nil // some other XML
		}
		if !ends {
			open++
			test.begin(name, tag)
			said.begin(name, open, tag)
		}
		if ends || tag.isWhole() {
			open--
			test.end(name, &s)
			said.end(open)
		}
	}
}

// claim is what a report says of itself in attributes. It counts where there are no test cases: programs do not agree on what it counts.
type claim struct {
	release.Tests
	depth int // of the element that has said it; 0: none, or it has ended
}

func (c *claim) begin(element string, depth int, t tag) {
	if c.depth > 0 || element != "testsuites" && element != "testsuite" {
		return
	}
	total, err := strconv.ParseUint(t.attribute("tests"), 10, 31)
	if err != nil {
		return
	}
	c.depth = depth
	c.Total += int(total)
	for name, n := range map[string]*int{"failures": &c.Failed, "errors": &c.Failed, "skipped": &c.Skipped} {
		if said, err := strconv.ParseUint(t.attribute(name), 10, 31); err == nil {
			*n += int(said)
		}
	}
}

func (c *claim) end(depth int) {
	if depth < c.depth {
		c.depth = 0
	}
}

// settle is the summary of a whole report.
func (c *claim) settle(s Summary) (Summary, error) {
	switch {
	case s.Total == 0:
		s.Tests = release.Tests{Total: c.Total, Failed: min(c.Failed, c.Total), Skipped: min(c.Skipped, c.Total)}
	case s.Failed == 0 && c.Failed > 0:
		return s, fmt.Errorf("JUnit XML that %w", ErrContradicts)
	}
	return s, nil
}

// testCase is the one that is being read.
type testCase struct {
	open            bool
	name            string
	failed, skipped bool
}

func (t *testCase) begin(element string, at tag) {
	switch element {
	case "testcase":
		*t = testCase{open: true, name: at.attribute("name")}
		if t.name == "" {
			t.name = at.attribute("classname")
		}
	case "failure", "error":
		t.failed = t.open
	case "skipped":
		t.skipped = true
	}
}

func (t *testCase) end(element string, s *Summary) {
	if element != "testcase" {
		return
	}
	s.Total++
	switch {
	case t.failed:
		s.failed(t.name)
	case t.skipped:
		s.Skipped++
	}
	*t = testCase{}
}

// tag is one, without its angle brackets.
type tag []byte

// name is the element's without its namespace; ends: the tag ends it.
func (t tag) name() (name string, ends bool) {
	t, ends = bytes.CutPrefix(t, []byte("/"))
	if i := bytes.IndexAny(t, " \t\r\n/"); i >= 0 {
		t = t[:i]
	}
	return string(t[bytes.IndexByte(t, ':')+1:]), ends
}

// isWhole reports whether the element has no tag at its end.
func (t tag) isWhole() bool { return bytes.HasSuffix(t, []byte("/")) }

// attribute is the value of the one with that name.
func (t tag) attribute(name string) string {
	for rest := []byte(t); ; {
		before, value, found := bytes.Cut(rest, []byte("="))
		value = bytes.TrimLeft(value, " \t\r\n")
		if !found || len(value) == 0 {
			return ""
		}
		quote := value[:1]
		value, rest, _ = bytes.Cut(value[1:], quote)
		if fields := bytes.Fields(before); len(fields) > 0 && string(fields[len(fields)-1]) == name {
			return html.UnescapeString(string(value))
		}
	}
}
