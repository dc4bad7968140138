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

// joined is one error of several. It is about the image if any of them is.
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

// Joined is one error of several failed builds. It is about an image if any of them is.
func Joined(all []*release.UserError) *release.UserError {
	if len(all) == 1 {
		return all[0]
	}
	kind := all[0].Kind
	var causes []error
	var details, names, hints []string
	for _, u := range all {
		if u.Kind != release.KindCheck {
			kind = u.Kind
		}
		causes = append(causes, u)
		names = append(names, u.Error())
		details = append(details, strings.TrimRight(u.Error()+"\n"+u.Detail, "\n"))
		if u.Hint != "" && !slices.Contains(hints, u.Hint) {
			hints = append(hints, u.Hint)
		}
	}
	return &release.UserError{
		Kind:   kind,
		Err:    &severalError{text: fmt.Sprintf("%d failures: %s", len(all), strings.Join(names, "; ")), errs: causes},
		Hint:   strings.Join(hints, "; "),
		Detail: strings.Join(details, "\n\n"),
	}
}

type severalError struct {
	text string
	errs []error
}

func (e *severalError) Error() string   { return e.text }
func (e *severalError) Unwrap() []error { return e.errs }
