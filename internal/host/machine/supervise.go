package machine

import (
	"context"
	"errors"
	"time"

	"github.com/seaworthyhq/seaworthy/internal/release"
	"github.com/seaworthyhq/seaworthy/internal/rollout"
	"github.com/seaworthyhq/seaworthy/internal/runtime"
)

// Supervise restarts serving replicas that end, with back-off, until ctx ends. They are left out of the routes at once.
func (m *Machine) Supervise(ctx context.Context) {
	s := &supervisor{machine: m, ended: map[string]*ending{}, due: make(chan turn)}
	changes := m.runtime.Watch(ctx)
	s.lookAround(ctx, time.Now().Add(patience))
	for {
		select {
		case <-ctx.Done():
			return
		case <-m.routed: // what has ended before it served
			s.lookAround(ctx, time.Time{})
		case t := <-s.due:
			s.startAgain(ctx, t)
		case c, ok := <-changes:
			if !ok {
				return
			}
			s.changed(ctx, c)
		}
	}
}

// supervisor knows what has become of replicas that ended. Only the goroutine of Supervise touches it.
type supervisor struct {
	machine *Machine
	ended   map[string]*ending // by ID of the replica
	due     chan turn
}

// ending is what has been done about a replica that ended.
type ending struct {
	restarts *restarts
	waiting  bool      // its turn will come
	orderly  time.Time // until then it waits for what its service depends on
}

// turn says that a replica is to be started now.
type turn struct {
	env release.Environment
	id  string
}

func (s *supervisor) changed(ctx context.Context, c runtime.Change) {
	switch {
	case c.Removed:
		delete(s.ended, c.Replica.ID)
	case c.Replica.State == release.StateExited:
		s.machine.health.forgetBefore(c.Replica.ID, c.Replica.Ended)
		if s.machine.Site(c.Environment).isServing(c.Replica) {
			s.machine.routesChanged()
			s.schedule(ctx, c.Environment, c.Replica)
		}
	}
}

// lookAround finds what should run and does not, and nobody has said so. Until orderly, what is found comes back after what its
// service depends on.
func (s *supervisor) lookAround(ctx context.Context, orderly time.Time) {
	for _, env := range s.machine.runtime.Environments() {
		site := s.machine.Site(env)
		for _, r := range s.machine.runtime.Replicas(env) {
			if r.State != release.StateRunning && site.isServing(r) {
				s.schedule(ctx, env, r)
				if e := s.ended[r.ID]; e != nil && !orderly.IsZero() {
					e.orderly = orderly
				}
			}
		}
	}
}

// schedule gives the replica its turn after a pause, if its policy wants it to run.
func (s *supervisor) schedule(ctx context.Context, env release.Environment, r release.Replica) {
	service := s.machine.Site(env).serviceOf(r)
	if service == nil || service.OneShot {
		return
	}
	e := s.ended[r.ID]
	if e == nil || r.Ended.Sub(r.Started) > service.Restart.Window.Or(settled) {
		e = &ending{restarts: newRestarts(service.Restart), waiting: e != nil && e.waiting}
		s.ended[r.ID] = e
	}
	if e.waiting {
		return
	}
	pause, again := e.restarts.next(r)
	if !again {
		return
	}
	s.wait(ctx, e, turn{env, r.ID}, pause)
}

func (s *supervisor) wait(ctx context.Context, e *ending, t turn, pause time.Duration) {
	e.waiting = true
	time.AfterFunc(pause, func() {
		select {
		case s.due <- t:
		case <-ctx.Done():
		}
	})
}

// startAgain starts a replica whose turn has come, unless that is nobody's wish any more.
func (s *supervisor) startAgain(ctx context.Context, t turn) {
	e := s.ended[t.id]
	if e != nil {
		e.waiting = false
	}
	site := s.machine.Site(t.env)
	r, err := s.machine.runtime.Replica(t.id)
	if err != nil || r.State == release.StateRunning || !site.isServing(r) {
		return
	}
	if e != nil && time.Now().Before(e.orderly) && !site.dependenciesWell(r) {
		s.wait(ctx, e, t, dependencyPause)
		return
	}
	if err := site.startAgain(ctx, r); err != nil {
		s.machine.log.Error("restart replica", "replica", r.ID, "error", err)
		s.schedule(ctx, t.env, r)
		return
	}
	s.machine.routesChanged()
}

// startAgain starts a replica that has ended, as the generation it belongs to knows it, unless a rollout is done with it.
func (s *Site) startAgain(ctx context.Context, r release.Replica) error {
	s.again.Lock()
	defer s.again.Unlock()
	service := s.serviceOf(r)
	if service == nil || s.isStopping(r.ID) {
		return nil
	}
	err := s.start(ctx, rollout.Replica{
		ID: r.ID, Index: r.Index, Spec: r.Spec, Deployment: r.Deployment, Release: r.Release, Service: *service,
	})
	if errors.Is(err, runtime.ErrNotFound) { // removed meanwhile
		return nil
	}
	return err
}

func (s *Site) isStopping(id string) bool {
	s.machine.mu.Lock()
	defer s.machine.mu.Unlock()
	return s.stopping[id]
}
