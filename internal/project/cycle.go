package project

import (
	"maps"
	"slices"
)

// findCycle returns the names along a cycle, the first one again at the end, or nil. It starts with the first name in
// alphabetical order, so the answer is always the same.
func findCycle(after map[string][]string) []string {
	const inside, done = 1, 2
	state := map[string]int{}
	var walk func(name string, way []string) []string
	walk = func(name string, way []string) []string {
		way = append(way, name)
		switch state[name] {
		case done:
			return nil
		case inside:
			return slices.Clone(way[slices.Index(way, name):])
		}
		state[name] = inside
		for _, next := range after[name] {
			if found := walk(next, way); found != nil {
				return found
			}
		}
		state[name] = done
		return nil
	}
	for _, name := range slices.Sorted(maps.Keys(after)) {
		if found := walk(name, nil); found != nil {
			return found
		}
	}
	return nil
}
