package project

import (
	"fmt"
	"maps"
	"slices"
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
			l.project.Checks = map[string]Check{}
		}
		l.project.Checks[name] = l.settings.Checks[name].Check
	}
}
