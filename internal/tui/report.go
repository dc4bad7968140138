package tui

import (
	"path"
	"slices"
	"strings"

	"github.com/charmbracelet/x/ansi"

	"github.com/seaworthyhq/seaworthy/internal/event"
	"github.com/seaworthyhq/seaworthy/internal/phrase"
	"github.com/seaworthyhq/seaworthy/internal/release"
)

// testsNamed is how many tests that failed are named in a line.
const testsNamed = 5

// reportText says what was kept of a check's files, and what is in them.
func reportText(r event.Report) string {
	text := "kept " + phrase.Count(r.Files, "file") + ", " + Bytes(r.Bytes) + ", in " + Clean(r.Path)
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
	return phrase.More(named, max(len(failures), t.Failed)-len(named))
}

// reportLines say, below the stages, what was kept of each check; of very many that are well, in all.
func (v *view) reportLines(o Output, all bool) []string {
	steps := v.where(func(s *step) bool { return s.report != nil })
	well := func(s *step) bool { return s.report.Tests.Failed == 0 && s.report.Files > 0 }
	inAll := ""
	if good := v.where(func(s *step) bool { return s.report != nil && well(s) }); !all && len(good) > pickedRows {
		steps = slices.DeleteFunc(steps, well)
		inAll = "  " + phrase.Count(len(good), "check") + "  " + reportText(sumOf(good))
	}
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
	if inAll != "" {
		lines = append(lines, o.Paint(Dim, inAll))
	}
	return lines
}

// lostReports warn, where all was stopped by its user, of checks that had begun, so that nobody takes what is there for theirs.
func (v *view) lostReports(o Output, opts Options) []string {
	stopped := v.where(func(s *step) bool { return s.state == event.Started && s.Reports != "" && s.report == nil })
	if len(stopped) == 0 {
		return nil
	}
	names := make([]string, len(stopped))
	for i, s := range stopped {
		names[i] = s.Name
	}
	text := "none are kept, since it was stopped; what " + stopped[0].Reports + " has is of an earlier run"
	if len(stopped) > 1 {
		text = "none are kept, since they were stopped; what their folders have is of an earlier run"
	}
	return messageLines(o, opts, event.Message{Level: event.Warn, Text: "reports of " + phrase.First(names, 3) + ": " + text})
}

// sumOf is what was kept of checks that are well, in the folder that holds theirs.
func sumOf(steps []*step) event.Report {
	sum := event.Report{Path: path.Dir(steps[0].report.Path)}
	for _, s := range steps {
		for sum.Path != "." && !strings.HasPrefix(s.report.Path, sum.Path+"/") {
			sum.Path = path.Dir(sum.Path)
		}
		sum.Files += s.report.Files
		sum.Bytes += s.report.Bytes
		sum.Tests.Total += s.report.Tests.Total
		sum.Tests.Skipped += s.report.Tests.Skipped
	}
	return sum
}
