package pipeline

import (
	"maps"
	"slices"
	"strings"

	"github.com/seaworthyhq/seaworthy/internal/cause"
	"github.com/seaworthyhq/seaworthy/internal/graph"
)

// recorded is what the stages were made of the last time, by step. Services that come and go, or get arguments of their own, change
// the names of stages that they share: those have what is recorded by the names that they had.
func recorded(before map[string]cause.Made, g *graph.Graph) map[string]cause.Made {
	gone := map[string][]string{} // by the name of a stage: keys that no stage has now
	for _, key := range slices.Sorted(maps.Keys(before)) {
		if g.Node(key) == nil {
			_, stage := split(key)
			gone[stage] = append(gone[stage], key)
		}
	}
	all := before
	for _, n := range g.Nodes {
		if _, known := before[n.Key]; known || !n.Built {
			continue
		}
		if then := formerly(n.Key, gone[n.Name]); then != "" {
			if len(all) == len(before) {
				all = maps.Clone(before)
			}
			all[n.Key] = before[then].As(n.Key, then)
		}
	}
	return all
}

// formerly is the key that a stage had: with one of its services or, where none has, without any or any at all.
func formerly(key string, gone []string) string {
	services, _ := split(key)
	then := ""
	for _, other := range gone {
		had, _ := split(other)
		if slices.ContainsFunc(had, func(service string) bool { return slices.Contains(services, service) }) {
			return other
		}
		if then == "" && (len(had) == 0 || len(services) == 0) {
			then = other
		}
	}
	return then
}

// split is the services of a stage's key, if it has any, and its name.
func split(key string) (services []string, stage string) {
	key = strings.TrimPrefix(key, "stage:")
	if prefix, stage, ok := strings.Cut(key, "/"); ok {
		return strings.Split(prefix, "+"), stage
	}
	return nil, key
}
