package build

import (
	"fmt"
	"path"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/moby/buildkit/solver/pb"

	"github.com/seaworthyhq/seaworthy/internal/phrase"
	"github.com/seaworthyhq/seaworthy/internal/report"
)

// tellOf warns of what was asked for and is not there, or not all of it.
func (s *targetSolve) tellOf(files *reportFiles) {
	for _, m := range files.missing {
		hint := "correct reports in seaworthy.yaml"
		if m.why == notThere {
			hint += ", or have the check write it also when it fails"
		}
		if !s.tellOfMount(m.name) {
			s.progress.warn(s.ofReports(m.name+" "+s.named(m.why)), hint)
		}
	}
	for _, name := range files.empty {
		s.tellOfMount(name)
	}
	for _, of := range []struct {
		files     leftOut
		why, hint string
	}{
		{files.special, "left out, since links, pipes and devices are not kept", "have the check write files"},
		{files.twice, "left out, since another report has the same name", "name one folder in reports that all of them are in"},
		{files.unnamed, "left out, since the name is not UTF-8", "have the check give it another name"},
		{files.left, fmt.Sprintf("left out: %d files of %d MiB are kept at most", maxReportFiles, maxReportBytes>>20), "name fewer files in reports"},
	} {
		if len(of.files) > 0 {
			s.progress.warn(s.ofReports(s.listed(of.files)+": "+of.why), of.hint)
		}
	}
}

// tellOfStopped warns that a check which had begun leaves no reports, so that nobody takes those of an earlier run for its own.
func (s *targetSolve) tellOfStopped() {
	if len(s.target.Reports) > 0 && s.progress.hasBegun(s.target.Key) {
		s.progress.warn(s.ofReports("none are kept, since it was stopped; what "+s.target.ReportsDir+" has is of an earlier run"), "")
	}
}

// tellOfPassed warns of a check that passed although tests failed: the exit code alone decides.
func (s *targetSolve) tellOfPassed(tests report.Summary) {
	if tests.Failed > 0 {
		s.progress.warn(fmt.Sprintf("check %s passed although it reports %v", s.progress.stageName(s.target.Key), tests),
			"have its RUN end with an exit code other than 0: a pipe hides that of all but its last command, without set -o pipefail")
	}
}

// tellOfMount warns of a path that is on a mount, if it is.
func (s *targetSolve) tellOfMount(name string) bool {
	mount := s.mountAbove(name)
	if mount == "" {
		return false
	}
	s.progress.warn(s.ofReports(fmt.Sprintf("%s is on the mount %s, which is no part of the stage", name, mount)), "copy it to another folder in the RUN that writes it")
	return true
}

// filesNamed is how many files a warning names.
const filesNamed = 3

// listed names files, the first of them.
func (s *targetSolve) listed(files leftOut) string {
	names := files.names()
	more := len(names) - filesNamed
	names = names[:min(len(names), filesNamed)]
	for i, name := range names {
		names[i] = s.named(name)
	}
	if len(files) > maxReportFiles {
		return fmt.Sprintf("%s and more than %d more", strings.Join(names, ", "), more-1)
	}
	return phrase.More(names, more)
}

// named is the name of a file, or a text that has one, as it is told.
func (s *targetSolve) named(name string) string {
	name = s.progress.hide.Text([]byte(name))
	if !utf8.ValidString(name) {
		name = strconv.Quote(name)
	}
	return report.OneLine(name)
}

// tellOfReport warns of a file that could not be read, and of many only that there are more.
func (s *targetSolve) tellOfReport(name string, err error) {
	if s.unread++; s.unread <= filesNamed {
		s.progress.warn(s.ofReports(fmt.Sprintf("%s: %v", s.named(name), err)), "")
	}
}

func (s *targetSolve) ofReports(text string) string {
	return "reports of " + s.progress.stageName(s.target.Key) + ": " + text
}

// mountAbove is what a RUN of the stage mounts at a path or above it, of which nothing stays in the stage.
func (s *targetSolve) mountAbove(name string) string {
	for _, n := range s.graph.nodes {
		if !s.progress.isOf(n.digest, s.target.Key) {
			continue
		}
		var op pb.Op
		if op.UnmarshalVT(n.raw) != nil {
			continue // it was read before
		}
		for _, m := range op.GetExec().GetMounts() {
			if dest := path.Clean(m.Dest); dest != pb.RootMount && strings.HasPrefix(name+"/", dest+"/") {
				return dest
			}
		}
	}
	return ""
}
