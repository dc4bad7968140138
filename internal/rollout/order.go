package rollout

import (
	"maps"
	"slices"

	"github.com/seaworthyhq/seaworthy/internal/release"
)

// dependencyOrder lists the services of a configuration so that each comes after those it depends on, by name where that
// leaves a choice. A cycle, which a valid project does not have, is cut where it closes.
func dependencyOrder(c release.Config) []string {
	var order []string
	seen := map[string]bool{}
	var visit func(name string)
	visit = func(name string) {
		s := c.Service(name)
		if s == nil || seen[name] {
			return
		}
		seen[name] = true
		for _, d := range dependencies(*s) {
			visit(d)
		}
		order = append(order, name)
	}
	for _, name := range serviceNames(c) {
		visit(name)
	}
	return order
}

// dependencies are the names of the services that s depends on, sorted.
func dependencies(s release.Service) []string {
	var names []string
	for _, d := range s.DependsOn {
		names = append(names, d.Service)
	}
	slices.Sort(names)
	return names
}

// dependents are the names of the services that depend on the named one, sorted, as far as they come after it in the
// order: a cycle is cut here as well.
func dependents(c release.Config, name string, order []string) []string {
	var names []string
	at := slices.Index(order, name)
	for i, other := range order {
		if s := c.Service(other); i > at && s != nil && slices.Contains(dependencies(*s), name) {
			names = append(names, other)
		}
	}
	slices.Sort(names)
	return names
}

func serviceNames(configs ...release.Config) []string {
	names := map[string]bool{}
	for _, c := range configs {
		for _, s := range c.Services {
			names[s.Name] = true
		}
	}
	return slices.Sorted(maps.Keys(names))
}

// withOthers is the order, after the names that it lacks.
func withOthers(order []string, of map[string][]release.Replica) []string {
	var others []string
	for _, name := range slices.Sorted(maps.Keys(of)) {
		if !slices.Contains(order, name) {
			others = append(others, name)
		}
	}
	return append(others, order...)
}
