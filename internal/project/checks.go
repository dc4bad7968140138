package project

import (
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/moby/patternmatcher"

	"github.com/seaworthyhq/seaworthy/internal/release"
)

// checks takes over what seaworthy.yaml says about stages; each entry has to name one.
func (l *load) checks() {
	var names []string
	for _, d := range l.project.Dockerfiles {
		for _, s := range d.Stages {
			names = append(names, s.Name)
			if d.Key != "" {
				names = append(names, d.Key+"/"+s.Name)
			}
		}
	}
	for _, name := range slices.Sorted(maps.Keys(l.settings.Checks)) {
		if !slices.Contains(names, name) && !l.builds.incomplete {
			l.add(l.settings.at(trail{"checks", name}, fmt.Sprintf("there is no stage %q", name), "name one of the stages"+didYouMean(name, names)))
			continue
		}
		if l.project.Checks == nil {
			l.project.Checks = map[string]CheckRule{}
		}
		l.project.Checks[name] = l.checkRule(name, l.settings.Checks[name])
	}
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
	if len(rule.Reports) > 0 && name != "" && l.dockerfileNamed(name) != nil {
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

// dockerfileNamed is the one that the service of that name brought, or nil.
func (l *load) dockerfileNamed(key string) *Dockerfile {
	for _, d := range l.project.Dockerfiles {
		if d.Key == key {
			return d
		}
	}
	return nil
}

// Rule is what seaworthy.yaml says about a stage of the Dockerfile with this key: by its name alone, or with the Dockerfile's.
func (p *Project) Rule(dockerfile, stage string) CheckRule {
	if rule, ok := p.Checks[dockerfile+"/"+stage]; ok {
		return rule
	}
	return p.Checks[stage]
}

// ReportsDir is where the reports of a check are kept, from the project's folder. It is empty for names that lead elsewhere.
func ReportsDir(dockerfile, stage string) string {
	if dockerfile == "." || dockerfile == ".." { // a service may be called that
		return ""
	}
	return path.Join(".seaworthy/reports", dockerfile, stage)
}
