package tui

import (
	"cmp"
	"slices"
	"strings"

	"github.com/seaworthyhq/seaworthy/internal/release"
)

// reason is why the step did not come from cache, as short as a row wants it: the first cause, and how many there are besides.
func (s *step) reason() string {
	if len(s.because) == 0 {
		return ""
	}
	first := s.because[0]
	if first.Kind == release.ReasonAsked || first.Kind == release.ReasonFirst {
		return reasonText(first) // whatever else
	}
	var texts []string
	for _, r := range s.because {
		if text := reasonText(r); !slices.Contains(texts, text) {
			texts = append(texts, text)
		}
	}
	if more := len(texts) - 1 + max(0, named(first)-1); more > 0 {
		return texts[0] + " (+" + itoa(more) + ")"
	}
	return texts[0]
}

// named is of how many things a reason tells.
func named(r release.Reason) int {
	switch r.Kind {
	case release.ReasonFiles:
		return r.Added + r.Removed + r.Modified + r.Modes
	case release.ReasonBase, release.ReasonIgnore:
		return 1
	}
	return len(r.Names)
}

// reasonTexts are what reasons come to, of the first name that they have; %s is that name.
var reasonTexts = map[release.ReasonKind]string{
	release.ReasonFirst:      "never built here",
	release.ReasonArgument:   "argument %s changed",
	release.ReasonVariable:   "variable %s changed",
	release.ReasonBase:       "%s moved",
	release.ReasonAgain:      "%s ran again",
	release.ReasonStage:      "%s changed",
	release.ReasonGone:       "gone from the cache",
	release.ReasonAsked:      "without the cache",
	release.ReasonUnfinished: "not finished the last time",
}

func reasonText(r release.Reason) string {
	name := ""
	if len(r.Names) > 0 {
		name = strings.TrimPrefix(oneLine(r.Names[0]), stagePrefix)
	}
	switch r.Kind {
	case release.ReasonFiles:
		if text := fileText(name); text != "" {
			return text
		}
	case release.ReasonIgnore:
		return "the ignore file changed"
	case release.ReasonBase:
		if len(r.Names) > 1 {
			return name + " instead of " + oneLine(r.Names[1])
		}
	case release.ReasonInstruction:
		if line := cmp.Or(r.Follows, r.Line); line > 0 {
			return "line " + itoa(line) + " changed"
		}
	}
	text, known := reasonTexts[r.Kind]
	before, after, named := strings.Cut(text, "%s")
	if !known || named && name == "" {
		return oneLine(r.Text)
	}
	if named {
		return before + name + after
	}
	return text
}

// fileText says of a path what became of it: it begins with the sign of that.
func fileText(name string) string {
	if len(name) < 2 {
		return ""
	}
	switch name[0] {
	case '+':
		return name[1:] + " is new"
	case '-':
		return name[1:] + " is gone"
	case '~':
		return name[1:] + " changed"
	case '=':
		return name[1:] + " has another mode"
	}
	return ""
}
