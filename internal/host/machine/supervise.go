package machine

import (
	"context"
	"time"

	"github.com/cenkalti/backoff/v5"

	"github.com/seaworthyhq/seaworthy/internal/release"
	"github.com/seaworthyhq/seaworthy/internal/rollout"
	"github.com/seaworthyhq/seaworthy/internal/runtime"
)

// settled is how long a replica has to run before its next death counts as the first.
const settled = 30 * time.Second

// Supervise restarts serving replicas that end, with back-off, until ctx ends. They are left out of the routes at once.
func (m *Machine) Supervise(ctx context.Context) {
	s := &supervisor{machine: m, pauses: map[string]*backoff.ExponentialBackOff{}, attempts: map[string]int{}, due: make(chan release.Environment)}
	changes := m.runtime.Watch(ctx)
	for _, env := range m.runtime.Environments() {
		s.lookAt(ctx, env)
	}
	for {
		select {
		case <-ctx.Done():
			return
		case env := <-s.due:
			s.lookAt(ctx, env)
		case c, ok := <-changes:
			if !ok {
				return
			}
			s.changed(ctx, c)
		}
	}
}

type supervisor struct {
	machine  *Machine
	pauses   map[string]*backoff.ExponentialBackOff
	attempts map[string]int
	due      chan release.Environment
}

func (s *supervisor) changed(ctx context.Context, c runtime.Change) {
	switch {
	case c.Removed:
		delete(s.pauses, c.Replica.ID)
		delete(s.attempts, c.Replica.ID)
	case c.Replica.State == release.StateExited:
		s.machine.health.forget(c.Replica.ID)
		if s.machine.Site(c.Environment).isServing(c.Replica) {
			s.machine.routesChanged()
			s.schedule(ctx, c.Environment, c.Replica)
		}
	}
}

// lookAt starts what should run and does not.
func (s *supervisor) lookAt(ctx context.Context, env release.Environment) {
	site := s.machine.Site(env)
	for _, r := range s.machine.runtime.Replicas(env) {
		if r.State == release.StateRunning || !site.isServing(r) {
			continue
		}
		if err := s.restart(ctx, site, r); err != nil {
			s.machine.log.Error("restart replica", "replica", r.ID, "error", err)
			s.schedule(ctx, env, r)
		}
	}
}

func (s *supervisor) restart(ctx context.Context, site *Site, r release.Replica) error {
	s.machine.mu.Lock()
	service := site.service(r)
	s.machine.mu.Unlock()
	if service == nil || service.OneShot || !wantsRestart(service.Restart, r, s.attempts[r.ID]-1) {
		return nil
	}
	err := site.Start(ctx, rollout.Replica{
		ID: r.ID, Index: r.Index, Spec: r.Spec, Deployment: r.Deployment, Release: r.Release, Service: *service,
	})
	if err == nil {
		s.machine.routesChanged()
	}
	return err
}

// schedule looks again when the replica's turn has come, if its policy wants it to run.
func (s *supervisor) schedule(ctx context.Context, env release.Environment, r release.Replica) {
	site := s.machine.Site(env)
	s.machine.mu.Lock()
	service := site.service(r)
	s.machine.mu.Unlock()
	if service == nil || !wantsRestart(service.Restart, r, s.attempts[r.ID]) {
		return
	}
	pause := s.pause(r, service.Restart)
	time.AfterFunc(pause, func() {
		select {
		case s.due <- env:
		case <-ctx.Done():
		}
	})
}

func wantsRestart(p release.Restart, r release.Replica, attempts int) bool {
	switch {
	case p.Condition == "none":
		return false
	case p.Condition == "on-failure" && r.ExitKnown && r.ExitCode == 0:
		return false
	case p.MaxAttempts > 0 && attempts >= p.MaxAttempts:
		return false
	}
	return true
}

func (s *supervisor) pause(r release.Replica, p release.Restart) time.Duration {
	b := s.pauses[r.ID]
	if b == nil || r.Ended.Sub(r.Started) > p.Window.Or(settled) {
		b = backoff.NewExponentialBackOff()
		b.InitialInterval, b.MaxInterval = 100*time.Millisecond, 30*time.Second
		s.pauses[r.ID], s.attempts[r.ID] = b, 0
	}
	s.attempts[r.ID]++
	return max(b.NextBackOff(), time.Duration(p.Delay))
}
