package machine

import (
	"context"

	"github.com/seaworthyhq/seaworthy/internal/release"
)

// Tell calls tell for each replica of the environment, and again whenever the state of its process or its health has changed,
// until ctx has ended. A replica that is gone is told of once more, as exited. It returns when it has told all that changed before
// that.
func (s *Site) Tell(ctx context.Context, tell func(release.Replica)) {
	changed, stop := s.machine.health.listen()
	defer stop()
	told := map[string]release.Replica{}
	for changes := s.machine.runtime.Watch(ctx); ; {
		s.tellChanged(told, tell)
		select {
		case <-ctx.Done():
			s.tellChanged(told, tell)
			return
		case <-changed:
		case _, open := <-changes:
			if !open {
				changes = nil
			}
		}
	}
}

func (s *Site) tellChanged(told map[string]release.Replica, tell func(release.Replica)) {
	here := map[string]bool{}
	for _, r := range s.machine.Replicas(s.env) {
		here[r.ID] = true
		if before, known := told[r.ID]; !known || before.State != r.State || before.Health != r.Health || before.Restarts != r.Restarts {
			told[r.ID] = r
			tell(r)
		}
	}
	for id, r := range told {
		if here[id] {
			continue
		}
		delete(told, id)
		if r.State != release.StateExited {
			r.State = release.StateExited
			tell(r)
		}
	}
}
