package state

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/seaworthyhq/seaworthy/internal/release"
)

// FindRelease finds the release that name stands for: its id or a prefix of it, a git tag or a commit (or a prefix of 7
// digits and more), or a deployment such as production#42. env is where a bare "#42" is looked up, and for which of several
// releases that have the name one is looked for.
func (t Tx) FindRelease(env release.Environment, name string) (Record, error) {
	if place, number, ok := strings.Cut(name, "#"); ok {
		return t.releaseOfDeployment(env, place, number)
	}
	all, err := t.Releases(env.Project)
	if err != nil {
		return Record{}, err
	}
	for _, matches := range []func(Record) bool{byID(name), byTag(name), byCommit(name)} {
		found := fitting(filter(all, matches), env)
		if len(found) == 1 {
			return found[0], nil
		}
		if len(found) > 1 {
			return Record{}, ambiguous(name, found)
		}
	}
	return Record{}, &release.UserError{
		Kind: release.KindNotFound,
		Err:  fmt.Errorf("no release %q of %s", name, env.Project),
		Hint: env.Command("history") + " lists the releases that were deployed",
	}
}

func (t Tx) releaseOfDeployment(env release.Environment, place, number string) (Record, error) {
	if place != "" {
		env.Name = place
	}
	n := 0
	if _, err := fmt.Sscanf(number, "%d", &n); err != nil {
		return Record{}, &release.UserError{Kind: release.KindUsage, Err: fmt.Errorf("deployment %q: %q is not a number", place+"#"+number, number)}
	}
	d, err := t.Deployment(env, n)
	if err != nil {
		return Record{}, &release.UserError{Kind: release.KindNotFound, Err: fmt.Errorf("no deployment %s#%d", env, n), Hint: env.Command("history") + " lists the deployments"}
	}
	rec, err := t.Release(d.Release)
	if errors.Is(err, ErrNotFound) {
		return Record{}, t.Collected(env, d.Release)
	}
	return rec, err
}

// Collected is the error about a release that is no longer kept. It says which are, of those that served in an environment.
func (t Tx) Collected(env release.Environment, id release.ID) error {
	all, err := t.Deployments(env, 0)
	if err != nil {
		return err
	}
	var kept []string
	seen := map[release.ID]bool{}
	for _, d := range all {
		if d.Result != release.Succeeded || seen[d.Release] || d.Cause == release.CauseDown {
			continue
		}
		seen[d.Release] = true
		if _, err := t.Release(d.Release); err == nil {
			kept = append(kept, fmt.Sprintf("%s (%s)", d.Release.Short(), d.Name()))
		}
	}
	hint := "keepReleases in the engine's settings says how many are kept"
	if len(kept) > 0 {
		hint = "these are kept: " + strings.Join(kept, ", ") + "; " + hint
	}
	return &release.UserError{Kind: release.KindNotFound, Err: fmt.Errorf("release %s was collected", id.Short()), Hint: hint}
}

func byID(name string) func(Record) bool {
	prefix := name
	if !strings.HasPrefix(prefix, "r-") {
		prefix = "r-" + prefix
	}
	return func(r Record) bool { return len(prefix) >= len("r-")+4 && strings.HasPrefix(string(r.ID), prefix) }
}

func byTag(name string) func(Record) bool {
	return func(r Record) bool {
		return slices.ContainsFunc(r.Origins, func(o release.Origin) bool { return o.Tag != "" && o.Tag == name })
	}
}

// byCommit leaves releases of a dirty tree out where a clean one of the same commit exists: the caller sees an ambiguity
// only between releases that claim the commit equally.
func byCommit(name string) func(Record) bool {
	return func(r Record) bool {
		return len(name) >= 7 && slices.ContainsFunc(r.Origins, func(o release.Origin) bool {
			return strings.HasPrefix(o.Commit, name) && len(o.Dirty) == 0
		})
	}
}

func filter(all []Record, keep func(Record) bool) []Record {
	var kept []Record
	for _, r := range all {
		if keep(r) {
			kept = append(kept, r)
		}
	}
	return kept
}

// fitting leaves out, where several releases are found, those that an environment cannot have, if others can be.
func fitting(found []Record, env release.Environment) []Record {
	fits := filter(found, func(r Record) bool { _, ok := r.Release.Environments[env.Name]; return ok })
	if len(fits) == 0 {
		return found
	}
	return fits
}

func ambiguous(name string, found []Record) error {
	ids := make([]string, len(found))
	for i, r := range found {
		ids[i] = fmt.Sprintf("%s, made %s for %s", r.ID.Short(), r.Origin().Time.Local().Format("2006-01-02 15:04:05"),
			strings.Join(slices.Sorted(maps.Keys(r.Release.Environments)), " and "))
	}
	return &release.UserError{
		Kind: release.KindUsage,
		Err:  fmt.Errorf("%q stands for %d releases", name, len(found)), Detail: strings.Join(ids, "\n"),
		Hint: "name one by as much of its id as tells it from the others",
	}
}
