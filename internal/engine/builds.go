package engine

import (
	"slices"
	"sync"
)

// builds are those under way, for people.
type builds struct {
	mu  sync.Mutex // guards all
	all []*string
}

// begin notes a build until the returned function is called, which may be done again.
func (b *builds) begin(what string) (end func()) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.all = append(b.all, &what)
	return func() {
		b.mu.Lock()
		defer b.mu.Unlock()
		b.all = slices.DeleteFunc(b.all, func(other *string) bool { return other == &what })
	}
}

func (b *builds) busy() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	var all []string
	for _, what := range b.all {
		all = append(all, *what)
	}
	return all
}
