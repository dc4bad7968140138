package machine

import (
	"context"
	"maps"
	"slices"

	"golang.org/x/sync/errgroup"

	"github.com/seaworthyhq/seaworthy/internal/release"
)

// ShutDown stops all that runs before the machine goes down, dependents before those they depend on; the next engine starts it
// again. Left to the machine, all would get SIGTERM at once, whatever they take for a signal to stop, and those that pay no heed
// to it, shims among them, would hold the machine up until it loses patience and kills them. Supervise must have ended.
func (m *Machine) ShutDown(ctx context.Context) error {
	m.mu.Lock()
	sites := slices.Collect(maps.Values(m.sites))
	m.mu.Unlock()
	var group errgroup.Group
	for _, s := range sites {
		group.Go(func() error { return s.shutDown(ctx) })
	}
	return group.Wait()
}

func (s *Site) shutDown(ctx context.Context) error {
	running := slices.DeleteFunc(slices.Concat(s.machine.Replicas(s.env), s.machine.runtime.OneOffs(s.env)), func(r release.Replica) bool {
		return r.State != release.StateRunning
	})
	for len(running) > 0 {
		last, needed := s.partByNeed(running)
		var group errgroup.Group
		for _, r := range last {
			group.Go(func() error {
				return s.machine.runtime.StopWithMachine(ctx, r.ID, r.StopGrace.Or(release.DefaultStopGrace))
			})
		}
		if err := group.Wait(); err != nil {
			return err
		}
		running = needed
	}
	return nil
}

// partByNeed parts replicas that nothing among them depends on from those that are needed yet. Where all need each other, none is.
func (s *Site) partByNeed(running []release.Replica) (last, needed []release.Replica) {
	depended := map[string]bool{}
	for _, r := range running {
		if service := s.serviceOf(r); service != nil {
			for _, d := range service.DependsOn {
				depended[d.Service] = true
			}
		}
	}
	for _, r := range running {
		if depended[r.Service] {
			needed = append(needed, r)
		} else {
			last = append(last, r)
		}
	}
	if len(last) == 0 {
		return needed, nil
	}
	return last, needed
}
