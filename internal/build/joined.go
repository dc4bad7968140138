package build

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/moby/buildkit/solver/errdefs"
	"github.com/opencontainers/go-digest"

	"github.com/seaworthyhq/seaworthy/internal/phrase"
	"github.com/seaworthyhq/seaworthy/internal/release"
)

// What to do about a failure of which nothing more is known.
const (
	correctCheck = "correct what it found, then run the same command again"
	correctBuild = "correct it, then run the same command again: what was built before it is kept"
)

// subject is what a failure is about: several targets may meet the same, each with a part of what there is to say of it.
type subject struct {
	stage, text string
	instruction *instruction
}

func (r *running) subject(f failure, u *release.UserError) subject {
	vertex, failed := errors.AsType[*errdefs.VertexError](f.err)
	if !failed {
		return subject{text: u.Error() + u.Detail}
	}
	p := r.progress
	p.mu.Lock()
	defer p.mu.Unlock()
	return subject{stage: whatFailed(u), instruction: p.heard(digest.Digest(vertex.Digest)).of}
}

// failureOf is a failure with what it is of, and the checks that would have to be skipped for it to be none.
type failureOf struct {
	error
	what  string
	skips []string
}

func (f *failureOf) Unwrap() error { return f.error }

// whatFailed is what an error is of, where that is known; else it is the error.
func whatFailed(u *release.UserError) string {
	if f, ok := u.Err.(*failureOf); ok { //nolint:errorlint // of several that it joins, one would say nothing
		return f.what
	}
	return u.Error()
}

func skipsOf(u *release.UserError) []string {
	if f, ok := u.Err.(*failureOf); ok { //nolint:errorlint // as above
		return f.skips
	}
	return nil
}

// skipping is what seaworthy.yaml has to say for checks to be skipped.
func skipping(checks []string) string {
	checks = slices.Sorted(slices.Values(checks))
	return "checks: {" + strings.Join(slices.Compact(checks), ": skip, ") + ": skip} in seaworthy.yaml"
}

// leavingOut ends the hint of a failure with the other way there is, if there is one.
func leavingOut(u *release.UserError) string {
	if skips := skipsOf(u); len(skips) > 0 {
		return ", or leave it out: " + skipping(skips)
	}
	return ""
}

// failuresNamed is how many failures the one line about all of them names; each heads its excerpt.
const failuresNamed = 5

// Joined is one error of several failed builds, or of what failed in one. Its kind does not depend on which of them was the first: it
// is what weighs most. What each is, and what to do about that one, is in the detail.
func Joined(all []*release.UserError) *release.UserError {
	all = apart(all)
	if len(all) == 1 {
		all[0].Hint = strings.TrimSuffix(all[0].Hint, leavingOut(all[0])) + leavingOut(all[0])
		return all[0]
	}
	kind, skippable := all[0].Kind, true
	var causes []error
	var details, skips []string
	for _, u := range all {
		if weightOf(u.Kind) > weightOf(kind) {
			kind = u.Kind
		}
		causes, skips = append(causes, u), append(skips, skipsOf(u)...)
		skippable = skippable && len(skipsOf(u)) > 0
		detail := strings.TrimRight(u.Error()+"\n"+u.Detail, "\n")
		if hint := strings.TrimSuffix(u.Hint, leavingOut(u)); hint != "" && hint != correctCheck && hint != correctBuild {
			detail += "\nhint: " + hint
		}
		details = append(details, detail)
	}
	one := &release.UserError{
		Kind: kind, Err: &severalError{headline(all), causes}, Detail: strings.Join(details, "\n\n"),
		Hint: "correct them, then run the same command again: what was built is kept",
	}
	if kind == release.KindCheck {
		one.Hint = "correct what they found, then run the same command again"
	}
	if skippable {
		one.Hint += ", or leave them out: " + skipping(skips)
	}
	return one
}

// InFull is what an error says in one line, also of each failure that it joins: for who keeps it without its detail.
func InFull(u *release.UserError) string {
	all := apart([]*release.UserError{u})
	if len(all) == 1 {
		return u.Error()
	}
	texts := make([]string, len(all))
	for i, one := range all {
		texts[i] = one.Error()
	}
	return fmt.Sprintf("%d failures: %s", len(all), strings.Join(texts, "; "))
}

// apart are the errors without those that are of several: in their place are these.
func apart(all []*release.UserError) (each []*release.UserError) {
	for _, u := range all {
		several, ok := u.Err.(*severalError) //nolint:errorlint // one that is itself of several
		if !ok {
			each = append(each, u)
			continue
		}
		for _, err := range several.errs {
			each = append(each, err.(*release.UserError)) //nolint:errorlint,forcetypeassert // Joined has put it there
		}
	}
	return each
}

// headline says how many failures there are, and of what: "2 checks failed: lint, test".
func headline(all []*release.UserError) string {
	const check = "check "
	names := make([]string, len(all))
	for i, u := range all {
		names[i] = whatFailed(u)
	}
	text := fmt.Sprintf("%d failures: ", len(all))
	if !slices.ContainsFunc(names, func(name string) bool { return !strings.HasPrefix(name, check) || strings.Contains(name, ":") }) {
		text = fmt.Sprintf("%d checks failed: ", len(all))
		for i := range names {
			names[i] = strings.TrimPrefix(names[i], check)
		}
	}
	return text + phrase.First(names, failuresNamed)
}

// weightOf is how much a kind counts beside others: a check least, and most what keeps instructions from being run at all.
func weightOf(kind release.Kind) int {
	switch kind {
	case release.KindCheck:
		return 0
	case release.KindBuild:
		return 1
	}
	return 2
}

type severalError struct {
	text string
	errs []error
}

func (e *severalError) Error() string   { return e.text }
func (e *severalError) Unwrap() []error { return e.errs }
