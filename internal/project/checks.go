package project

import (
	"cmp"
	"fmt"
	"maps"
	"path"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/moby/patternmatcher"

	"github.com/seaworthyhq/seaworthy/internal/release"
)

// checks takes over what seaworthy.yaml says about stages; each entry has to name one.
func (l *load) checks() {
	named := l.stageNames()
	names := slices.Sorted(maps.Keys(named))
	for _, name := range slices.Sorted(maps.Keys(l.settings.Checks)) {
		if named[name] == nil && !l.builds.incomplete {
			l.add(l.settings.at(trail{"checks", name}, fmt.Sprintf("there is no stage %q", name), "name one of the stages"+didYouMean(name, names)))
			continue
		}
		if l.project.Checks == nil {
			l.project.Checks = map[string]CheckRule{}
		}
		l.project.Checks[name] = l.checkRule(name, l.settings.Checks[name])
	}
	for _, name := range slices.Sorted(maps.Keys(l.project.Checks)) {
		if s := named[name]; s != nil && s.partly(name) {
			l.heeded(name, s)
		}
	}
}

// heeded warns where what is said of the stage of one of several services is not what counts.
func (l *load) heeded(name string, s *Stage) {
	own, counts := l.project.Checks[name], l.project.Rule(s)
	var said, hint string
	switch {
	case own.Say == CheckSkip && counts.Say != CheckSkip:
		said, hint = "is not skipped", fmt.Sprintf("to skip it for all of them, write %s: skip", s.FullName())
	case own.Say != CheckSkip && !reflect.DeepEqual(own, counts):
		said, hint = "does not count, since another entry says otherwise", fmt.Sprintf("write one entry for all of them: %s", s.FullName())
	default:
		return
	}
	warning := l.settings.at(trail{"checks", name}, fmt.Sprintf("%s %s: %s is one stage for %s", name, said, s.FullName(), strings.Join(s.Services, ", ")), hint)
	warning.Severity = Warning
	l.add(warning)
}

// stageNames are the names that stages can be called by, with one stage of each: their own, with their prefix, and with any of
// their services.
func (l *load) stageNames() map[string]*Stage {
	named := map[string]*Stage{}
	for _, d := range l.project.Dockerfiles {
		for i := range d.Stages {
			s := &d.Stages[i]
			for _, name := range append(s.callings(), s.Name, s.FullName()) {
				named[name] = s
			}
		}
	}
	return named
}

// callings are the stage's name with each of its services.
func (s *Stage) callings() []string {
	var all []string
	for _, service := range s.Services {
		all = append(all, service+"/"+s.Name)
	}
	return all
}

// partly reports whether a name stands for the stage of one of several services.
func (s *Stage) partly(name string) bool {
	return len(s.Services) > 1 && slices.Contains(s.callings(), name)
}

func (l *load) checkRule(name string, said CheckSetting) CheckRule {
	at := trail{"checks", name}
	rule := CheckRule{Say: said.Check}
	for i, written := range said.Reports {
		if wrong := wrongReport(written); wrong != "" {
			here := at.with("reports")
			if len(said.Reports) > 1 {
				here = here.with(fmt.Sprint(i))
			}
			l.add(l.settings.at(here, fmt.Sprintf("%q %s", written, wrong), "write a file, a folder or a glob from the root of the stage, such as /src/reports"))
			continue
		}
		rule.Reports = append(rule.Reports, path.Clean(written))
	}
	if len(rule.Reports) > 0 && name != "" && l.isPrefix(name) {
		l.add(l.settings.at(at, fmt.Sprintf("the reports of %s and those of the service of that name would be in one folder", name), "give the stage another name"))
	}
	if said.Timeout != nil {
		limit, err := time.ParseDuration(*said.Timeout)
		if err != nil || limit <= 0 {
			l.add(l.settings.at(at.with("timeout"), fmt.Sprintf("timeout cannot be %q", *said.Timeout), "write a duration such as 90s, 10m or 1h30m"))
		}
		rule.Timeout = release.Duration(limit)
	}
	return rule
}

// wrongReport is what is wrong with a path of reports; empty: nothing.
func wrongReport(written string) string {
	switch {
	case !strings.HasPrefix(written, "/"):
		return "does not begin with /"
	case slices.Contains(strings.Split(written, "/"), ".."):
		return "leads upwards"
	case path.Clean(written) == "/":
		return "is all of the stage"
	}
	if _, err := patternmatcher.New([]string{strings.TrimPrefix(written, "/")}); err != nil {
		return "is no glob"
	}
	return ""
}

// isPrefix reports whether stages have their names behind this one.
func (l *load) isPrefix(name string) bool {
	return slices.ContainsFunc(l.project.Dockerfiles, func(d *Dockerfile) bool {
		return slices.ContainsFunc(d.Stages, func(s Stage) bool { return s.Prefix == name })
	})
}

// Rule is what seaworthy.yaml says about a stage, each key by the most precise name that has it: its name with its prefix, that with
// one of its services, its name alone. One that several services share is skipped for all of them only.
func (p *Project) Rule(s *Stage) CheckRule {
	rule := p.Checks[s.Prefix+"/"+s.Name].or(p.ofServices(s))
	return rule.or(p.Checks[s.Name])
}

// ofServices is what is said about a stage by its name with its services.
func (p *Project) ofServices(s *Stage) (all CheckRule) {
	skips := 0
	for _, name := range s.callings() {
		if rule := p.Checks[name]; rule.Say == CheckSkip {
			skips++
		} else {
			all = all.or(rule)
		}
	}
	if skips > 0 && skips == len(s.Services) {
		return CheckRule{Say: CheckSkip}
	}
	return all
}

// or is the rule with what a less precise one says beyond it. One that skips has nothing to add to.
func (r CheckRule) or(less CheckRule) CheckRule {
	switch {
	case r.Say == CheckSkip, r.Say == CheckRun && less.Say == CheckSkip:
		return r
	case len(r.Reports) == 0:
		r.Reports = less.Reports
	}
	r.Say, r.Timeout = cmp.Or(r.Say, less.Say), cmp.Or(r.Timeout, less.Timeout)
	return r
}

// ReportsDir is where the reports of a check are kept, from the project's folder. It is empty for names that lead elsewhere.
func ReportsDir(prefix, stage string) string {
	if prefix == "." || prefix == ".." { // a service may be called that
		return ""
	}
	return path.Join(".seaworthy/reports", prefix, stage)
}
