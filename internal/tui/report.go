package tui

import (
	"strings"

	"github.com/charmbracelet/x/ansi"

	"github.com/seaworthyhq/seaworthy/internal/event"
	"github.com/seaworthyhq/seaworthy/internal/release"
)

// testsNamed is how many tests that failed are named in a line.
const testsNamed = 5

// reportText says what was kept of a check's files, and what is in them.
func reportText(r event.Report) string {
	text := "kept " + Count(r.Files, "file") + ", " + Bytes(r.Bytes) + ", in " + Clean(r.Path)
	if r.Files == 0 {
		text = "nothing to keep in " + Clean(r.Path)
	}
	if r.Tests.Total > 0 {
		text += ": " + TestsText(r.Tests, r.Failures)
	}
	return text
}

// failuresText names tests that failed, the first of them.
func failuresText(t release.Tests, failures []string) string {
	named := cleaned(failures[:min(len(failures), testsNamed)])
	text := strings.Join(named, ", ")
	if more := max(len(failures), t.Failed) - len(named); more > 0 {
		text += " and " + itoa(more) + " more"
	}
	return text
}

// reportLines say, below the stages, what was kept of each check.
func (v *view) reportLines(o Output) []string {
	steps := v.where(func(s *step) bool { return s.report != nil })
	width := 0
	for _, s := range steps {
		width = max(width, ansi.StringWidth(Clean(s.Name)))
	}
	var lines []string
	for _, s := range steps {
		text := hanging(o, "  "+pad(Clean(s.Name), width)+"  ", reportText(*s.report))
		if s.report.Tests.Failed == 0 {
			for i := range text {
				text[i] = o.Paint(Dim, strings.TrimRight(text[i], " "))
			}
		}
		lines = append(lines, text...)
	}
	return lines
}
