package report_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
	"unicode/utf16"

	"github.com/google/go-cmp/cmp"

	"github.com/seaworthyhq/seaworthy/internal/release"
	"github.com/seaworthyhq/seaworthy/internal/report"
)

func asItIs(text []byte) string { return string(text) }

func TestReports(t *testing.T) {
	for name, tc := range map[string]struct {
		file string
		want report.Summary
		err  error
	}{
		"JUnit": {
			file: `<?xml version="1.0" encoding="UTF-8"?>
<!-- <testcase name="in a comment"/> -->
<testsuites tests="99">
 <properties><property name="x" value="<testcase>"/></properties>
 <testsuite name="a" tests="4">
  <testcase classname="a.B" name="passes" time="0.1"><system-out><![CDATA[<testcase><failure/></testcase>]]></system-out></testcase>
  <testcase classname="a.B" name="fails &amp; it&#39;s &lt;bad&gt;"><failure message="1 > 2">1 &gt; 2</failure></testcase>
  <testcase classname="a.B" name='errs "so"'><error type="x"/><failure/></testcase>
  <testcase classname="a.B" name="is left out"><skipped/></testcase>
  <testsuite name="nested"><testcase classname="a.Nested" name=""><failure/></testcase></testsuite>
 </testsuite>
</testsuites>`,
			want: report.Summary{Tests: release.Tests{Total: 5, Failed: 3, Skipped: 1}, Failures: []string{"fails & it's <bad>", `errs "so"`, "a.Nested"}},
		},
		"JUnit with one suite, a namespace, a byte order mark and characters that XML has no place for": {
			file: "\xef\xbb\xbf <j:testsuite xmlns:j='x'><j:testcase name='\x1b[31mred\xff&#27;&#0;\u202e'><j:failure>\x00</j:failure></j:testcase></j:testsuite>",
			want: report.Summary{Tests: release.Tests{Total: 1, Failed: 1}, Failures: []string{"[31mred\uFFFD\uFFFD"}},
		},
		"JUnit that is broken off": {
			file: `<testsuites><testsuite><testcase name="a"/><testcase name="b"><failure/></testcase><testcase name="c`,
			want: report.Summary{Tests: release.Tests{Total: 2, Failed: 1}, Failures: []string{"b"}},
			err:  report.ErrBroken,
		},
		"JUnit that says something else of itself": {
			file: `<testsuites tests="5" failures="1"><testsuite tests="7"><testcase name="a"/><testcase name="b"><failure/></testcase></testsuite></testsuites>`,
			want: report.Summary{Tests: release.Tests{Total: 2, Failed: 1}, Failures: []string{"b"}},
		},
		"JUnit that says that tests failed, and not which": {
			file: `<testsuite tests="2" errors="1"><testcase name="a"/><testcase name="b"/></testsuite>`,
			want: report.Summary{Tests: release.Tests{Total: 2}},
			err:  report.ErrContradicts,
		},
		"JUnit without test cases": {
			file: `<testsuites><testsuite tests="4" failures="1" errors="1"><testsuite tests="4"/></testsuite><testsuite tests="3" skipped="2"/><testsuite tests="-1"/></testsuites>`,
			want: report.Summary{Tests: release.Tests{Total: 7, Failed: 2, Skipped: 2}},
		},
		"JUnit in UTF-16": {
			file: "\xff\xfe" + wide("<?xml version='1.0' encoding='UTF-16'?><testsuite><testcase name='ä'><failure/></testcase></testsuite>", binary.LittleEndian),
			want: report.Summary{Tests: release.Tests{Total: 1, Failed: 1}, Failures: []string{"ä"}},
		},
		"JUnit in UTF-16 without a mark, broken off": {
			file: wide("<testsuite><testcase name='a'/><testcase", binary.BigEndian),
			want: report.Summary{Tests: release.Tests{Total: 1}},
			err:  report.ErrBroken,
		},
		"go test -json in UTF-16": {
			file: wide(`{"Action":"pass","Package":"p","Test":"TestA"}`+"\n", binary.LittleEndian),
			want: report.Summary{Tests: release.Tests{Total: 1}},
		},
		"go test -json that is broken off": {
			file: `{"Action":"pass","Package":"p","Test":"TestA"}` + "\n" + `{"Action":"fail","Pack`,
			want: report.Summary{Tests: release.Tests{Total: 1}},
			err:  report.ErrBroken,
		},
		"go test -json with lines that are none": {
			file: `{"Action":"start","Package":"p"}
text {"Action":"fail","Package":"p","Test":"TestText"}
{"Action":"lunch","Package":"p","Test":"TestLunch"}
{"Action": "output", "Package": "p", "Test": "TestA", "Output": "{\"Action\":\"fail\",\"Package\":\"p\",\"Test\":\"TestForged\"}\n"}
{"Action":"pass","Package":"p","Test":"TestA"} and more
{"Action":"pass","Package":"p","Test":"TestB"}`,
			want: report.Summary{Tests: release.Tests{Total: 1}},
		},
		"JUnit that is broken off in a test that has failed": {
			file: `<testsuites><testsuite><testcase name="a"/><testcase name="b"><failure>expected`,
			want: report.Summary{Tests: release.Tests{Total: 2, Failed: 1}, Failures: []string{"b"}},
			err:  report.ErrBroken,
		},
		"other XML": {file: `<coverage><testcase name="a"/></coverage>`},
		"HTML":      {file: `<!DOCTYPE html><html><testsuite><testcase></testcase></testsuite></html>`},
		"go test -json": {
			file: `{"Action":"start","Package":"p"}
{"Action":"run","Package":"p","Test":"TestA"}
{"Action":"output","Package":"p","Test":"TestA","Output":"{\"Action\":\"fail\"}\n"}
{"Action":"fail","Package":"p","Test":"TestA/b","Elapsed":0.01}
{"Action":"fail","Package":"p","Test":"TestA","Elapsed":0.01}
{"Action":"pass","Package":"p","Test":"TestC"}
# some program says something
{"Action":"skip","Package":"p","Test":"TestD"}
{"Action":"fail","Package":"p","Elapsed":0.2}
{"Action":"pass","Package":"p","Test":"BenchmarkX"}
{"ImportPath":"q","Action":"build-fail"}
{"Action":"fail","Package":"q","FailedBuild":"q"}
{"Action":"skip","Package":"r"}`,
			want: report.Summary{Tests: release.Tests{Total: 6, Failed: 3, Skipped: 1}, Failures: []string{"TestA/b", "TestA", "q"}},
		},
		"other JSON": {file: `{"tests": 3}` + "\n" + `{"Action":"fail","Package":"p","Test":"TestA"}`},
		"text":       {file: "PASS\nok p 0.1s\n"},
		"nothing":    {file: " \n", err: report.ErrEmpty},
		"binary":     {file: "\x00\x01<testsuite>"},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := report.Read(iotest.OneByteReader(strings.NewReader(tc.file)))
			if !errors.Is(err, tc.err) {
				t.Errorf("error %v, want %v", err, tc.err)
			}
			if diff := cmp.Diff(tc.want, got.Clean(asItIs)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// wide is a text in UTF-16.
func wide(text string, order binary.AppendByteOrder) string {
	var b []byte
	for _, unit := range utf16.Encode([]rune(text)) {
		b = order.AppendUint16(b, unit)
	}
	return string(b)
}

func TestNoMoreNamesThanPeopleRead(t *testing.T) {
	var b strings.Builder
	b.WriteString("<testsuite>")
	for i := range 5000 {
		fmt.Fprintf(&b, "<testcase name='%s %d'><failure/></testcase>", strings.Repeat("x", i), i)
	}
	b.WriteString("</testsuite>")
	got, err := report.Read(strings.NewReader(b.String()))
	if err != nil || got.Failed != 5000 || len(got.Failures) != 10 {
		t.Fatalf("%d failed, %d names, %v", got.Failed, len(got.Failures), err)
	}
	for _, length := range []int{1 << 10, 1 << 20} {
		got, _ = report.Read(strings.NewReader("<testsuite><testcase name='" + strings.Repeat("ä", length) + "'><failure/></testcase></testsuite>"))
		if name := got.Clean(asItIs).Failures[0]; len([]rune(name)) > 201 || got.Total != 1 {
			t.Errorf("%d tests, the name has %d characters", got.Total, len([]rune(name)))
		}
	}
}

func TestNamesHoldNoSecret(t *testing.T) {
	got, _ := report.Read(strings.NewReader("<testsuite><testcase name='" + strings.Repeat("x", 195) + "hunter2&#x26;2'><failure/></testcase></testsuite>"))
	hide := func(text []byte) string { return strings.ReplaceAll(string(text), "hunter2&2", "***") }
	if name := got.Clean(hide).Failures[0]; name != strings.Repeat("x", 195)+"***" {
		t.Errorf("name %q", name)
	}
}

func TestSummariesRead(t *testing.T) {
	for want, s := range map[string]report.Summary{
		"1 test":                                              {Tests: release.Tests{Total: 1}},
		"142 tests, 1 skipped":                                {Tests: release.Tests{Total: 142, Skipped: 1}},
		"142 tests, 3 failed, 1 skipped":                      {Tests: release.Tests{Total: 142, Skipped: 1, Failed: 3}},
		"142 tests, 1 failed: TestParse; 2 skipped":           {Tests: release.Tests{Total: 142, Skipped: 2, Failed: 1}, Failures: []string{"TestParse"}},
		"142 tests, 3 failed":                                 {Tests: release.Tests{Total: 142, Failed: 3}},
		"142 tests, 3 failed: TestParse, TestRead and 1 more": {Tests: release.Tests{Total: 142, Failed: 3}, Failures: []string{"TestParse", "TestRead"}},
	} {
		if got := s.String(); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

// endless is a report that goes on and on, n pieces of it.
func endless(n int, head, piece, tail string) io.Reader {
	all := []io.Reader{strings.NewReader(head)}
	for range n {
		all = append(all, strings.NewReader(piece))
	}
	return io.MultiReader(append(all, strings.NewReader(tail))...)
}

func TestMemoryDoesNotGrowWithTheReport(t *testing.T) {
	mib := strings.Repeat("x", 1<<20)
	for name, file := range map[string]io.Reader{
		"text":      endless(64, "<testsuite><testcase name='a'><system-out>", mib, "</system-out></testcase></testsuite>"),
		"CDATA":     endless(64, "<testsuite><testcase name='a'><system-out><![CDATA[", mib, "]]></system-out></testcase></testsuite>"),
		"attribute": endless(64, "<testsuite><testcase name='a'><failure message='", mib, "'/></testcase></testsuite>"),
		"tag":       endless(64, "<testsuite><testcase name='a'/><", mib, ""),
		"line":      endless(64, `{"Action":"pass","Package":"p","Test":"a"}`+"\n{", mib, "\n"),
	} {
		t.Run(name, func(t *testing.T) {
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			got, _ := report.Read(struct{ io.Reader }{file})
			runtime.ReadMemStats(&after)
			if got.Total != 1 {
				t.Errorf("%d tests", got.Total)
			}
			if grown := after.TotalAlloc - before.TotalAlloc; grown > 4<<20 {
				t.Errorf("%d bytes were allocated", grown)
			}
		})
	}
}

// TestGoSaysTheSame runs go test -json on a real module.
func TestGoSaysTheSame(t *testing.T) {
	cmd := exec.CommandContext(t.Context(), "go", "test", "-json", "./...")
	cmd.Dir = filepath.Join("testdata", "module")
	cmd.Env = append(cmd.Environ(), "GOFLAGS=-mod=mod", "GOWORK=off")
	out, err := cmd.Output()
	if exit := (*exec.ExitError)(nil); !errors.As(err, &exit) {
		t.Fatalf("go test: %v", err)
	}
	var g report.GoTest
	if _, err := io.Copy(&g, iotest.HalfReader(bytes.NewReader(out))); err != nil {
		t.Fatal(err)
	}
	want := report.Summary{
		Tests:    release.Tests{Total: 7, Failed: 4, Skipped: 1},
		Failures: []string{"example.org/module/broken", "TestParse/empty", "TestParse", "example.org/module/exits"},
	}
	got := g.Summary()
	slices.Sort(want.Failures) // packages run side by side
	slices.Sort(got.Failures)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("%s\n%s", diff, out)
	}
}
