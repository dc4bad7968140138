package report

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
)

// maxLine is the longest line of go test -json that is looked at, in bytes. Those that say how a test ended are short.
const maxLine = 64 << 10

// GoTest sums up what go test -json writes, as it comes and among whatever else is written.
type GoTest struct {
	summary Summary
	failing []string // packages in which a test failed, while they run
	line    []byte
	tooLong bool
}

// testEvent is a line of go test -json; see go doc test2json.
type testEvent struct {
	Action     string
	Package    string
	ImportPath string // of what is built
	Test       string
	Output     string
}

// actions are those of go test -json.
var actions = []string{
	"start", "run", "pause", "cont", "pass", "bench", "fail", "output", "skip", "attr", "artifacts", "build-output", "build-fail",
}

// parseTestEvent reports whether a line is one of go test -json, all of it. What a test writes is within such a line, and makes none.
func parseTestEvent(line []byte) (e testEvent, ok bool) {
	if !bytes.HasPrefix(line, []byte("{")) || !bytes.Contains(line, []byte(`"Action"`)) || json.Unmarshal(line, &e) != nil {
		return testEvent{}, false
	}
	return e, slices.Contains(actions, e.Action) && e.Package+e.ImportPath != ""
}

// Write takes in what comes next. It never fails.
func (g *GoTest) Write(p []byte) (int, error) {
	n := len(p)
	for {
		part, rest, found := bytes.Cut(p, []byte("\n"))
		g.add(part)
		if !found {
			return n, nil
		}
		g.endLine()
		p = rest
	}
}

// Summary is what was written so far.
func (g *GoTest) Summary() Summary {
	g.endLine()
	return g.summary
}

func (g *GoTest) add(part []byte) {
	if len(g.line)+len(part) > maxLine {
		g.tooLong = true
	}
	if !g.tooLong && (len(g.line) > 0 || bytes.HasPrefix(part, []byte("{"))) || len(part) == 0 {
		g.line = append(g.line, part...)
		return
	}
	g.tooLong = true // or no line of ours
}

func (g *GoTest) endLine() {
	if !g.tooLong && len(g.line) > 0 {
		g.take(g.line)
	}
	g.line, g.tooLong = g.line[:0], false
}

// take counts a line, and reports whether it is one of go test -json.
func (g *GoTest) take(line []byte) bool {
	if bytes.Contains(line, []byte(`"Action":"output"`)) {
		return true
	}
	e, ok := parseTestEvent(line)
	if !ok {
		return false
	}
	switch {
	case e.Package == "" || !slices.Contains([]string{"pass", "fail", "skip"}, e.Action):
	case e.Test == "":
		g.endPackage(e)
	default:
		g.endTest(e)
	}
	return true
}

func (g *GoTest) endTest(e testEvent) {
	g.summary.Total++
	switch e.Action {
	case "skip":
		g.summary.Skipped++
	case "fail":
		g.summary.failed(e.Test)
		if !slices.Contains(g.failing, e.Package) {
			g.failing = append(g.failing, e.Package)
		}
	}
}

// endPackage counts a package that failed without one of its tests: it does not compile, or ended before its time.
func (g *GoTest) endPackage(e testEvent) {
	known := slices.Index(g.failing, e.Package)
	switch {
	case known >= 0:
		g.failing = slices.Delete(g.failing, known, known+1)
	case e.Action == "fail":
		g.summary.Total++
		g.summary.failed(e.Package)
	}
}

// readGoTest sums up a file whose first line is one of go test -json.
func readGoTest(in *bufio.Reader) (Summary, error) {
	first, err := in.ReadSlice('\n')
	if err != nil && !errors.Is(err, io.EOF) { // a line that long is none of go test -json
		return Summary{}, nil
	}
	var g GoTest
	if !g.take(bytes.TrimSpace(first)) {
		return Summary{}, nil
	}
	_, err = io.Copy(&g, in)
	if err == nil && len(g.line) > 0 && !json.Valid(g.line) {
		err = fmt.Errorf("go test -json, %w", ErrBroken)
	}
	return g.Summary(), err
}
