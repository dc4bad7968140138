package machine

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/seaworthyhq/seaworthy/internal/release"
	"github.com/seaworthyhq/seaworthy/internal/rollout"
	"github.com/seaworthyhq/seaworthy/internal/runtime"
)

// Site is one environment on this machine, as a rollout sees it.
type Site struct {
	machine *Machine
	env     release.Environment

	again sync.Mutex // held while a replica that has ended is started again

	// Guarded by machine.mu.
	serving  *rollout.Serving
	others   []rollout.Generation
	stopping map[string]bool // replicas that a rollout stops: nobody restarts them
	leaving  map[string]bool // networks that are being removed: the edge has nothing to do with them any more
}

var _ rollout.Site = (*Site)(nil)

// Expect says which generations will have replicas besides the one that serves: the coming one, and the one to come back to.
func (s *Site) Expect(others ...rollout.Generation) {
	s.machine.mu.Lock()
	defer s.machine.mu.Unlock()
	s.others = others
}

// Observe looks at the environment.
func (s *Site) Observe(context.Context) (rollout.Observed, error) {
	m := s.machine
	o := rollout.Observed{Replicas: m.Replicas(s.env)}
	m.mu.Lock()
	o.Serving = s.serving
	m.mu.Unlock()
	for _, n := range m.runtime.Networks() {
		if n.Environment == s.env {
			o.Networks = append(o.Networks, n.Name)
		}
	}
	volumes, err := m.runtime.Volumes(s.env)
	if err != nil {
		return o, fmt.Errorf("observe %s: %w", s.env, err)
	}
	for _, v := range volumes {
		o.Volumes = append(o.Volumes, v.Name)
	}
	return o, nil
}

// Prepare makes networks and volumes.
func (s *Site) Prepare(ctx context.Context, networks []release.Network, volumes []release.Volume) error {
	for _, n := range networks {
		if _, err := s.machine.runtime.EnsureNetwork(ctx, s.env, n); err != nil {
			return err
		}
	}
	for _, v := range volumes {
		if err := s.prepareVolume(ctx, v); err != nil {
			return err
		}
	}
	return s.machine.Apply(ctx)
}

func (s *Site) prepareVolume(ctx context.Context, v release.Volume) error {
	if !v.External {
		_, err := s.machine.runtime.EnsureVolume(ctx, s.env, v.Name)
		return err
	}
	if _, err := s.machine.runtime.Volume(s.env, v.Name); err != nil {
		return &release.UserError{
			Kind: release.KindNotFound, Err: fmt.Errorf("volume %s is external and not there", v.Name),
			Hint: s.env.Command("volume import "+v.Name+" FILE.tar") + " makes it",
		}
	}
	return nil
}

// Start makes the replica where it is missing and starts it where it does not run.
func (s *Site) Start(ctx context.Context, r rollout.Replica) error {
	s.setStopping(r.ID, false)
	if _, err := s.machine.runtime.Replica(r.ID); errors.Is(err, runtime.ErrNotFound) {
		if err := s.create(ctx, r); err != nil {
			return err
		}
		// What the replica sees of others follows from its address, which it has now.
		if err := s.machine.Apply(ctx); err != nil {
			return err
		}
	}
	return s.start(ctx, r)
}

// start starts a replica that has been made.
func (s *Site) start(ctx context.Context, r rollout.Replica) error {
	err := s.machine.runtime.Start(ctx, r.ID)
	if errors.Is(err, runtime.ErrSecretsGone) {
		if err = s.recreate(ctx, r); err == nil {
			err = s.machine.runtime.Start(ctx, r.ID)
		}
	}
	if err != nil {
		return err
	}
	s.machine.health.follow(r.ID, r.Service, false)
	return nil
}

func (s *Site) create(ctx context.Context, r rollout.Replica) error {
	secrets, err := s.machine.keeper.Secrets(s.env, r.Service.Secrets)
	if err != nil {
		return err
	}
	return s.machine.runtime.Create(ctx, runtime.Spec{
		ID: r.ID, Environment: s.env, Service: r.Service, Deployment: r.Deployment, Release: r.Release,
		Index: r.Index, Digest: r.Spec, Secrets: secrets,
	})
}

func (s *Site) recreate(ctx context.Context, r rollout.Replica) error {
	if err := s.machine.runtime.Remove(ctx, r.ID); err != nil {
		return err
	}
	return s.create(ctx, r)
}

// Route moves all traffic at once and records durably that it did.
func (s *Site) Route(ctx context.Context, serving rollout.Serving) error {
	m := s.machine
	m.mu.Lock()
	before := s.serving
	s.serving = &serving
	m.mu.Unlock()
	err := m.Apply(ctx)
	if err == nil {
		err = m.keeper.KeepServing(ctx, s.env, serving)
	}
	if err != nil {
		m.mu.Lock()
		s.serving = before
		m.mu.Unlock()
		m.routesChanged() // the edge may have heard of it all the same
		return err
	}
	select {
	case m.routed <- struct{}{}:
	default:
	}
	return nil
}

// Drain returns when the replica has nothing left to do for anybody, or limit has passed; what is left then is cut off.
func (s *Site) Drain(ctx context.Context, id string, limit time.Duration) error {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	left, err := s.machine.edge.Drain(ctx, id)
	if err != nil || left == 0 {
		return err
	}
	_, err = s.machine.edge.CloseNow(context.WithoutCancel(ctx), id)
	return err
}

// Stop asks the replica to end and kills it after grace.
func (s *Site) Stop(ctx context.Context, id string, grace time.Duration) error {
	s.leaveEnded(id)
	s.machine.health.forget(id)
	return s.machine.runtime.Stop(ctx, id, grace, s.whyStopped(id))
}

// whyStopped says whether another replica takes the place of the one that is stopped.
func (s *Site) whyStopped(id string) string {
	r, err := s.machine.runtime.Replica(id)
	if err != nil {
		return runtime.Stopped
	}
	s.machine.mu.Lock()
	defer s.machine.mu.Unlock()
	for _, g := range s.others {
		if g.Deployment > r.Deployment && g.Config.Service(r.Service) != nil && g.Config.Spec(r.Service) != r.Spec {
			return fmt.Sprintf("replaced by #%d", g.Deployment)
		}
	}
	return runtime.Stopped
}

// Remove forgets a stopped replica.
func (s *Site) Remove(ctx context.Context, id string) error {
	s.leaveEnded(id)
	s.machine.health.forget(id)
	if err := s.machine.runtime.Remove(ctx, id); err != nil {
		return err
	}
	s.setStopping(id, false)
	return nil
}

// RemoveNetwork removes the network; the edge lets go of it first: once it is removed, another engine may take its addresses.
func (s *Site) RemoveNetwork(ctx context.Context, name string) error {
	s.setLeaving(name, true)
	defer s.setLeaving(name, false)
	if err := s.machine.Apply(ctx); err != nil {
		return err
	}
	return s.machine.runtime.RemoveNetwork(ctx, s.env, name)
}

func (s *Site) setLeaving(network string, leaving bool) {
	s.machine.mu.Lock()
	defer s.machine.mu.Unlock()
	if leaving {
		s.leaving[network] = true
	} else {
		delete(s.leaving, network)
	}
}

// leaveEnded says that nobody starts the replica again if it ends; one who is just doing so has done it afterwards.
func (s *Site) leaveEnded(id string) {
	s.again.Lock()
	defer s.again.Unlock()
	s.setStopping(id, true)
}

func (s *Site) setStopping(id string, stopping bool) {
	s.machine.mu.Lock()
	defer s.machine.mu.Unlock()
	if stopping {
		s.stopping[id] = true
	} else {
		delete(s.stopping, id)
	}
}

// serviceOf is what the replica runs, for who does not hold the machine's lock.
func (s *Site) serviceOf(r release.Replica) *release.Service {
	s.machine.mu.Lock()
	defer s.machine.mu.Unlock()
	return s.service(r)
}

// service is what the replica runs, by the generations that are known; nil if none has it. The coming one is asked first: what it
// says of restarts and health counts while it is proven, also of a replica that it takes over.
func (s *Site) service(r release.Replica) *release.Service {
	generations := slices.Clone(s.others)
	if s.serving != nil {
		generations = append(generations, s.serving.Generation)
	}
	for _, g := range generations {
		if g.Config.Spec(r.Service) == r.Spec {
			return g.Config.Service(r.Service)
		}
	}
	return nil
}

// isServing says whether the replica takes traffic and is nobody's to stop.
func (s *Site) isServing(r release.Replica) bool {
	s.machine.mu.Lock()
	defer s.machine.mu.Unlock()
	return s.serving != nil && !s.stopping[r.ID] && slices.Contains(s.serving.Replicas[r.Service], r.ID)
}

// said is what its health check wrote, where that is more than a line, and the end of the replica's log.
func (s *Site) said(ctx context.Context, id string) string {
	log, output := s.logTail(ctx, id), s.machine.health.output(id)
	if detail(output) == ": "+output || output == "" {
		return log
	}
	return "its health check wrote:\n" + output + "\n\nand its log ends:\n" + log
}

// logTail is the end of what a replica wrote, for an error about it.
func (s *Site) logTail(ctx context.Context, id string) string {
	var lines []string
	for line, err := range s.machine.runtime.Logs(ctx, id, runtime.LogOptions{Tail: 20}) {
		if err != nil {
			break
		}
		lines = append(lines, line.Line)
	}
	return strings.Join(lines, "\n")
}
