package rollout

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/seaworthyhq/seaworthy/internal/release"
)

var errCrash = errors.New("crashed")

// site is an environment in memory that checks after each operation what must be true at each moment.
type site struct {
	mu       sync.Mutex // guards all below
	replicas map[string]release.Replica
	started  map[string]Replica
	serving  *Serving
	networks []string
	volumes  []string

	calls  []string
	at     func(n int, call string) error // asked before the n-th call, from 1; its error fails the call
	broken []string                       // what was not true at some moment
}

func newSite() *site {
	return &site{replicas: map[string]release.Replica{}, started: map[string]Replica{}}
}

func (s *site) do(ctx context.Context, call string, act func() error) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := ctx.Err(); err != nil {
		return err
	}
	s.calls = append(s.calls, call)
	if s.at != nil {
		if err := s.at(len(s.calls), call); err != nil {
			return err
		}
	}
	err := act()
	for _, problem := range s.problems() {
		s.broken = append(s.broken, fmt.Sprintf("after %s: %s", call, problem))
	}
	return err
}

// problems is what is not as it must be: traffic goes to running replicas of one whole generation, or waits.
func (s *site) problems() []string {
	var found []string
	for _, service := range s.serving.generation().Config.Services {
		ids := s.serving.Replicas[service.Name]
		held := slices.ContainsFunc(s.serving.Held, func(h Hold) bool { return h.Service == service.Name && h.Limit > 0 })
		if len(ids) == 0 && service.Replicas > 0 && !service.OneShot && !held {
			found = append(found, fmt.Sprintf("%s has no replica and is not held: %+v", service.Name, s.serving.Held))
		}
		for _, id := range ids {
			r, ok := s.replicas[id]
			switch {
			case !ok || r.State != release.StateRunning:
				found = append(found, id+" takes traffic and does not run")
			case r.Spec != s.serving.Generation.Config.Spec(service.Name):
				found = append(found, id+" is not of the generation that serves")
			}
		}
	}
	return append(found, s.crowded()...)
}

// crowded names the services whose lone writers meet on a volume.
func (s *site) crowded() []string {
	specs := map[string]map[release.Digest]bool{}
	for id, r := range s.replicas {
		started := s.started[id].Service
		if r.State == release.StateRunning && writes(&started) && started.Update.Order == "" && started.Replicas == 1 && !started.OneShot {
			if specs[r.Service] == nil {
				specs[r.Service] = map[release.Digest]bool{}
			}
			specs[r.Service][r.Spec] = true
		}
	}
	var found []string
	for service, s := range specs {
		if len(s) > 1 {
			found = append(found, service+" has two writers")
		}
	}
	return found
}

func (s *site) Observe(ctx context.Context) (Observed, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return Observed{
		Replicas: slices.Collect(maps.Values(s.replicas)), Serving: s.serving,
		Networks: slices.Clone(s.networks), Volumes: slices.Clone(s.volumes),
	}, nil
}

func (s *site) Prepare(ctx context.Context, networks []release.Network, volumes []release.Volume) error {
	return s.do(ctx, "prepare", func() error {
		for _, n := range networks {
			s.networks = joined(s.networks, []string{n.Name})
		}
		for _, v := range volumes {
			s.volumes = joined(s.volumes, []string{v.Name})
		}
		return nil
	})
}

func (s *site) Start(ctx context.Context, r Replica) error {
	return s.do(ctx, "start "+r.ID, func() error {
		s.started[r.ID] = r
		s.replicas[r.ID] = release.Replica{
			ID: r.ID, Service: r.Service.Name, Index: r.Index, Spec: r.Spec, Deployment: r.Deployment, Release: r.Release,
			State: release.StateRunning, Health: release.HealthStarting,
		}
		return nil
	})
}

func (s *site) Await(ctx context.Context, id string, until Until, limit time.Duration, say func(string)) error {
	say("not yet")
	return s.do(ctx, string(until)+" "+id, func() error {
		r, ok := s.replicas[id]
		if !ok {
			return fmt.Errorf("no replica %s", id)
		}
		r.Health = release.HealthHealthy
		if until == Ended {
			r.State, r.ExitKnown = release.StateExited, true
		}
		s.replicas[id] = r
		return nil
	})
}

func (s *site) Route(ctx context.Context, next Serving) error {
	return s.do(ctx, "route", func() error { s.serving = &next; return nil })
}

func (s *site) Drain(ctx context.Context, id string, limit time.Duration) error {
	return s.do(ctx, "drain "+id, func() error { return nil })
}

func (s *site) Stop(ctx context.Context, id string, grace time.Duration) error {
	return s.do(ctx, "stop "+id, func() error {
		r := s.replicas[id]
		r.State, r.ExitKnown, r.ExitCode = release.StateExited, true, 143
		s.replicas[id] = r
		return nil
	})
}

func (s *site) Remove(ctx context.Context, id string) error {
	return s.do(ctx, "remove "+id, func() error {
		if s.replicas[id].State == release.StateRunning {
			return fmt.Errorf("%s runs", id)
		}
		delete(s.replicas, id)
		return nil
	})
}

func (s *site) RemoveNetwork(ctx context.Context, name string) error {
	return s.do(ctx, "remove network "+name, func() error {
		s.networks = slices.DeleteFunc(s.networks, func(n string) bool { return n == name })
		return nil
	})
}
