package build

import (
	"fmt"
	"slices"
	"strings"

	"github.com/seaworthyhq/seaworthy/internal/release"
)

// explained is a failure for people, and the checks that would have to be skipped for it to be none.
type explained struct {
	*release.UserError
	skips []string
}

// withSkips is the error with the hint that there is another way.
func (u explained) withSkips() *release.UserError {
	if len(u.skips) > 0 {
		u.Hint += ", or leave it out: " + skipping(u.skips)
	}
	return u.UserError
}

// skipping is what seaworthy.yaml has to say for checks to be skipped.
func skipping(checks []string) string {
	checks = slices.Sorted(slices.Values(checks))
	return "checks: {" + strings.Join(slices.Compact(checks), ": skip, ") + ": skip} in seaworthy.yaml"
}

// joined is one error of several.
func joined(told []explained) error {
	if len(told) == 1 {
		return told[0].withSkips()
	}
	all := make([]*release.UserError, len(told))
	var skips []string
	skippable := true
	for i, u := range told {
		all[i], skips = u.UserError, append(skips, u.skips...)
		skippable = skippable && len(u.skips) > 0
	}
	one := Joined(all)
	if skippable {
		one.Hint += ", or leave them out: " + skipping(skips)
	}
	return one
}

// failuresNamed is how many failures the one line about all of them names; each heads its excerpt.
const failuresNamed = 3

// Joined is one error of several failed builds. Its kind does not depend on which of them was the first: it is what weighs most.
func Joined(all []*release.UserError) *release.UserError {
	if len(all) == 1 {
		return all[0]
	}
	kind := all[0].Kind
	var causes []error
	var details, names, hints []string
	for _, u := range all {
		if weightOf(u.Kind) > weightOf(kind) {
			kind = u.Kind
		}
		causes = append(causes, u)
		names = append(names, u.Error())
		details = append(details, strings.TrimRight(u.Error()+"\n"+u.Detail, "\n"))
		if u.Hint != "" && !slices.Contains(hints, u.Hint) {
			hints = append(hints, u.Hint)
		}
	}
	if more := len(names) - failuresNamed; more > 0 {
		names = append(names[:failuresNamed], fmt.Sprintf("and %d more", more))
	}
	return &release.UserError{
		Kind:   kind,
		Err:    &severalError{text: fmt.Sprintf("%d failures: %s", len(all), strings.Join(names, "; ")), errs: causes},
		Hint:   strings.Join(hints, "; "),
		Detail: strings.Join(details, "\n\n"),
	}
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
