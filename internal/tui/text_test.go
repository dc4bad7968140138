package tui

import (
	"strings"
	"testing"
	"unicode"

	"github.com/google/go-cmp/cmp"

	"github.com/seaworthyhq/seaworthy/internal/release"
)

func TestForeignTextIsMadeHarmless(t *testing.T) {
	for _, row := range []struct{ name, in, want string }{
		{"plain", "ok", "ok"},
		{"colour", "\x1b[1;31mred\x1b[0m", "red"},
		{"title", "a\x1b]0;owned\x07b", "ab"},
		{"progress", "10%\r50%\r100%\r\n", "100%"},
		{"tab", "a\tb", "a    b"},
		{"bell and null", "a\x07\x00b\x7f", "a␇␀b␡"},
		{"C1", "a\u009bb", "a�b"},
		{"direction", "a\u202eb", "a�b"},
		{"not UTF-8", "a\xff\xfeb", "a�b"},
		{"wide", "構築 é", "構築 é"},
	} {
		t.Run(row.name, func(t *testing.T) {
			if got := Clean(row.in); got != row.want {
				t.Errorf("Clean(%q) = %q, want %q", row.in, got, row.want)
			}
		})
	}
}

func TestLongLinesAreBounded(t *testing.T) {
	if n := len(Clean(strings.Repeat("x", 10<<20))); n > maxLine+len("…") {
		t.Errorf("10 MB became %d bytes", n)
	}
}

func FuzzCleanLeavesNoControlCharacters(f *testing.F) {
	for _, seed := range []string{"\x1b[2J", "\x1b]8;;x\x1b\\", "\x9b31m", "\x1bPq\x1b", "\x1b", "a\rb", "\xc2\x9b"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, line string) {
		for _, got := range append(cleanLines(line), Clean(line), oneLine(line)) {
			if i := strings.IndexFunc(got, unicode.IsControl); i >= 0 {
				t.Errorf("%q became %q", line, got)
			}
		}
	})
}

func TestADownIsNoDeploy(t *testing.T) {
	d := release.Deployment{Environment: release.Environment{Project: "shop", Name: "local"}, Number: 2, Release: "r-1a2b3c4d0000", Cause: release.CauseUp}
	up := deploymentLine(d)
	d.Cause = release.CauseDown
	down := deploymentLine(d)
	if diff := cmp.Diff([]string{"deploy r-1a2b3c4d as local#2", "take shop/local down as local#2"}, []string{up, down}); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
}

func TestANumberKeepsItsUnit(t *testing.T) {
	got := wrap("builder 1.7 s (line 9), then 3 min 12 s, then 12 MB, of 3 services", 10)
	want := []string{"builder", "1.7 s", "(line 9),", "then 3 min", "12 s, then", "12 MB, of", "3 services"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
}
