package cause

import (
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/moby/patternmatcher"

	"github.com/seaworthyhq/seaworthy/internal/phrase"
	"github.com/seaworthyhq/seaworthy/internal/release"
)

// Files are what an operation takes from folders of the user: what each file is, by path. Nil: that is not known.
type Files map[string]string

// File is what is noted of one.
type File struct {
	Is   string // tells it from whatever else may be there
	Mode string // as chmod takes it; empty: not noted
	// WithModeBefore is what it would be with the mode that was noted the last time, where that was another one.
	WithModeBefore string
}

// String is the file as Files have it.
func (f File) String() string { return strings.TrimSpace(f.Is + " " + f.Mode + " " + f.WithModeBefore) }

// FileOf is the file of which that is noted.
func FileOf(noted string) File {
	fields := append(strings.Fields(noted), "", "", "")
	return File{Is: fields[0], Mode: fields[1], WithModeBefore: fields[2]}
}

// onlyByMode reports whether a file differs from what was there before in its mode, and in nothing else.
func (f File) onlyByMode(was File) bool {
	return f.Mode != was.Mode && (f.WithModeBefore == was.Is || was.WithModeBefore == f.Is)
}

// Patterns are the patterns of an ignore file, to be kept as lists are.
func Patterns(all []string) Files { return Files{"": strings.Join(all, "\n")} }

// ignores returns what an ignore file keeps from being sent; nil: that is not known.
func (f Files) ignores() func(path string) bool {
	text, ok := f[""]
	if !ok {
		return nil
	}
	var patterns []string
	if text != "" {
		patterns = strings.Split(text, "\n")
	}
	matcher, err := patternmatcher.New(patterns)
	if err != nil {
		return nil
	}
	return func(path string) bool {
		ignored, err := matcher.MatchesOrParentMatches(strings.TrimSuffix(path, "/"))
		return err == nil && ignored
	}
}

// difference is how files are others than before, by path.
type difference struct {
	modified, added, removed []string
	modes                    []changedMode
}

type changedMode struct{ path, was, is string }

func (f Files) differ(before Files) (d difference) {
	for _, path := range slices.Sorted(maps.Keys(f)) {
		noted, known := before[path]
		is, was := FileOf(f[path]), FileOf(noted)
		switch {
		case !known:
			d.added = append(d.added, path)
		case is.Is == was.Is:
		case is.onlyByMode(was):
			d.modes = append(d.modes, changedMode{path, was.Mode, is.Mode})
		default:
			d.modified = append(d.modified, path)
		}
	}
	for _, path := range slices.Sorted(maps.Keys(before)) {
		if _, still := f[path]; !still {
			d.removed = append(d.removed, path)
		}
	}
	return d
}

// apart takes out what only an ignore file keeps from being sent, or no longer does.
func (d difference) apart(is, was func(path string) bool) (rest, ignored difference) {
	rest = d
	ignored.removed, rest.removed = split(d.removed, is)
	ignored.added, rest.added = split(d.added, was)
	return rest, ignored
}

func split(all []string, which func(string) bool) (those, others []string) {
	for _, path := range all {
		if which(path) {
			those = append(those, path)
		} else {
			others = append(others, path)
		}
	}
	return those, others
}

// files compares what an operation takes from the user's folders with what it took the last time.
func (c Case) files(was Operation) (all []release.Reason) {
	is, before := c.Files(c.Op.Files), c.Files(was.Files)
	if is == nil || before == nil {
		return []release.Reason{c.because(release.ReasonFiles, "files that it takes are others; which is not recorded")}
	}
	d, ignored := is.differ(before), difference{}
	if c.Op.Ignores != "" && was.Ignores != "" && c.Op.Ignores != was.Ignores {
		ignores, ignored0 := c.Files(c.Op.Ignores).ignores(), c.Files(was.Ignores).ignores()
		if ignores != nil && ignored0 != nil {
			d, ignored = d.apart(ignores, ignored0)
		}
	}
	if d.count() > 0 {
		all = append(all, c.told(release.ReasonFiles, d, d.textGitLast(changeWords)))
	}
	if ignored.count() > 0 {
		all = append(all, c.told(release.ReasonIgnore, ignored, "the ignore file changed: "+ignored.text(ignoreWords)))
	}
	if len(all) == 0 {
		all = append(all, c.because(release.ReasonFiles, "files that it takes are others"))
	}
	return all
}

func (c Case) told(kind release.ReasonKind, d difference, what string) release.Reason {
	r := c.because(kind, what, d.names()...)
	r.Modified, r.Added, r.Removed, r.Modes = len(d.modified), len(d.added), len(d.removed), len(d.modes)
	return r
}

func (d difference) count() int {
	return len(d.modified) + len(d.added) + len(d.removed) + len(d.modes)
}

// named is how many names a reason has.
const named = 5

// first takes a fair share of what is modified, added, removed and of another mode: as many as are named.
func (d difference) first() (f difference) {
	for range named {
		f.modified = d.modified[:min(len(d.modified), len(f.modified)+1)]
		for _, more := range []func(){
			func() { f.added = d.added[:min(len(d.added), len(f.added)+1)] },
			func() { f.removed = d.removed[:min(len(d.removed), len(f.removed)+1)] },
			func() { f.modes = d.modes[:min(len(d.modes), len(f.modes)+1)] },
		} {
			if f.count() < named {
				more()
			}
		}
		if f.count() >= named {
			break
		}
	}
	return f
}

// git takes out what git keeps for itself: each of its commands may change that, so whatever else there is says more.
func (d difference) git() (rest, git difference) {
	within := func(path string) bool { return strings.Contains("/"+path, "/.git/") }
	git.modified, rest.modified = split(d.modified, within)
	git.added, rest.added = split(d.added, within)
	git.removed, rest.removed = split(d.removed, within)
	for _, m := range d.modes {
		if within(m.path) {
			git.modes = append(git.modes, m)
		} else {
			rest.modes = append(rest.modes, m)
		}
	}
	return rest, git
}

// textGitLast is text, where what git keeps for itself is only counted unless there is nothing else.
func (d difference) textGitLast(w words) string {
	rest, git := d.git()
	if rest.count() == 0 || git.count() == 0 {
		return d.text(w)
	}
	return rest.text(w) + "; also " + phrase.Count(git.count(), "file") + " of .git"
}

// names are the first paths, each with a sign; what git keeps for itself comes last.
func (d difference) names() []string {
	rest, git := d.git()
	all := append(rest.signed(), git.signed()...)
	return all[:min(len(all), named)]
}

func (d difference) signed() (all []string) {
	f := d.first()
	sign := func(sign string, paths []string) {
		for _, path := range paths {
			all = append(all, sign+path)
		}
	}
	sign("~", f.modified)
	sign("+", f.added)
	sign("-", f.removed)
	for _, m := range f.modes {
		all = append(all, "="+m.path)
	}
	return all
}

// words are what is said of one file, and of several.
type words struct{ modified, added, removed [2]string }

var (
	changeWords = words{[2]string{"changed", "changed"}, [2]string{"is new", "are new"}, [2]string{"is gone", "are gone"}}
	ignoreWords = words{added: [2]string{"is no longer left out", "are no longer left out"}, removed: [2]string{"is left out now", "are left out now"}}
)

// text names the first paths, and counts the others of their kind: "a, b and 3 more changed; c is new".
func (d difference) text(w words) string {
	f := d.first()
	var parts []string
	say := func(first []string, count int, words [2]string) {
		switch {
		case count == 1:
			parts = append(parts, first[0]+" "+words[0])
		case count > 1:
			parts = append(parts, phrase.And(first, count-len(first))+" "+words[1])
		}
	}
	say(f.modified, len(d.modified), w.modified)
	say(f.added, len(d.added), w.added)
	say(f.removed, len(d.removed), w.removed)
	var modes []string
	for _, m := range f.modes {
		modes = append(modes, m.path+" was "+m.was+", is "+m.is)
	}
	if len(modes) > 0 {
		text := "the mode of " + strings.Join(modes, ", of ")
		if more := len(d.modes) - len(modes); more > 0 {
			text += ", and " + strconv.Itoa(more) + " more have another"
		}
		parts = append(parts, text)
	}
	return strings.Join(parts, "; ")
}
