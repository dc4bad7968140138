package build

import (
	"context"
	"sync"
)

// muster is where the targets of a build wait for each other before anything runs for one of them. Else it would be a matter of luck
// whether a base image that is not there or an instruction that does not work is heard of.
type muster struct {
	all chan struct{} // closed when all have arrived

	mu      sync.Mutex // guards the rest
	missing int
	failed  bool
}

func newMuster(targets int) *muster {
	return &muster{all: make(chan struct{}), missing: targets}
}

// arrive waits for all to arrive, and reports whether all are well.
func (m *muster) arrive(ctx context.Context, well bool) bool {
	m.mu.Lock()
	m.failed = m.failed || !well
	if m.missing--; m.missing == 0 {
		close(m.all)
	}
	m.mu.Unlock()
	select {
	case <-m.all:
	case <-ctx.Done():
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	return !m.failed
}
