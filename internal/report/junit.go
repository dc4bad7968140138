package report

import (
	"bytes"
	"errors"
	"fmt"
	"html"
	"io"
)

// readJUnit counts the test cases of JUnit XML, in which everybody agrees on testcase, failure, error and skipped, and on little
// else. It is lenient: programs write characters into it that XML has no place for.
func readJUnit(in io.ByteReader) (Summary, error) {
	var s Summary
	var test testCase
	for open, tags := 0, (tags{in: in}); ; {
		tag, err := tags.next()
		switch {
		case errors.Is(err, io.EOF) && open == 0:
			return s, nil
		case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
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
		}
		if ends || tag.isWhole() {
			open--
			test.end(name, &s)
		}
	}
}

// testCase is the one that is being read.
type testCase struct {
	name            string
	failed, skipped bool
}

func (t *testCase) begin(element string, at tag) {
	switch element {
	case "testcase":
		*t = testCase{name: at.attribute("name")}
		if t.name == "" {
			t.name = at.attribute("classname")
		}
	case "failure", "error":
		t.failed = true
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
