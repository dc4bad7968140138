// Package machine runs environments on this machine: it is the rollout's Site over the container runtime and the edge. It
// derives routes from what serves, asks replicas whether they are well, and restarts those that die. It decides nothing
// about releases.
package machine

import (
	"context"
	"fmt"
	"log/slog"
	"net/netip"
	"slices"
	"sync"
	"time"

	"github.com/seaworthyhq/seaworthy/internal/edge"
	"github.com/seaworthyhq/seaworthy/internal/release"
	"github.com/seaworthyhq/seaworthy/internal/rollout"
	"github.com/seaworthyhq/seaworthy/internal/runtime"
)

// Keeper is the durable side: what the machine must not forget and cannot observe.
type Keeper interface {
	// KeepServing records where traffic of an environment goes.
	KeepServing(ctx context.Context, env release.Environment, s rollout.Serving) error
	// Secrets returns the values of secrets as they are marked, by name.
	Secrets(env release.Environment, secrets []release.Secret) (map[string][]byte, error)
}

// Machine runs environments on this machine.
type Machine struct {
	// TrustedProxies are believed, by the edge, when they say for whom they ask. Set it before anything is adopted.
	TrustedProxies []netip.Prefix

	runtime *runtime.Runtime
	edge    *edge.Client
	keeper  Keeper
	log     *slog.Logger
	health  *health
	routed  chan struct{} // ready when traffic goes elsewhere than the supervisor knows

	apply sync.Mutex // held while routes are derived and handed over, so that they arrive in order
	mu    sync.Mutex // guards what is below
	vips  *vipTable
	sites map[release.Environment]*Site
}

// New is the machine with nothing on it yet; Adopt adds the environments that are known.
func New(ctx context.Context, rt *runtime.Runtime, client *edge.Client, keeper Keeper, log *slog.Logger) (*Machine, error) {
	kept, err := client.Routes(ctx)
	if err != nil {
		return nil, fmt.Errorf("read routes of the edge: %w", err)
	}
	m := &Machine{
		runtime: rt, edge: client, keeper: keeper, log: log,
		routed: make(chan struct{}, 1), vips: newVIPTable(kept), sites: map[release.Environment]*Site{},
	}
	m.health = newHealth(rt, func(id string) { m.routesChanged() })
	return m, nil
}

// Adopt adds an environment with what serves in it, and the generations that are coming or going.
func (m *Machine) Adopt(env release.Environment, serving *rollout.Serving, others ...rollout.Generation) {
	s := m.Site(env)
	m.mu.Lock()
	s.serving, s.others = serving, others
	m.mu.Unlock()
	for _, r := range m.runtime.Replicas(env) {
		if svc := s.service(r); svc != nil && r.State == release.StateRunning {
			m.health.follow(r.ID, *svc, serving != nil && slices.Contains(serving.Replicas[r.Service], r.ID))
		}
	}
}

// Site is one environment on this machine.
func (m *Machine) Site(env release.Environment) *Site {
	m.mu.Lock()
	defer m.mu.Unlock()
	s, ok := m.sites[env]
	if !ok {
		s = &Site{machine: m, env: env, stopping: map[string]bool{}, leaving: map[string]bool{}}
		m.sites[env] = s
	}
	return s
}

// Replicas are the replicas of an environment, with their health.
func (m *Machine) Replicas(env release.Environment) []release.Replica {
	all := m.runtime.Replicas(env)
	for i := range all {
		all[i].Health = m.health.of(all[i])
	}
	return all
}

// Apply hands the edge the routes of all environments as they are now.
func (m *Machine) Apply(ctx context.Context) error {
	m.apply.Lock()
	defer m.apply.Unlock()
	m.mu.Lock()
	var scenes []scene
	for env, s := range m.sites {
		scenes = append(scenes, scene{Environment: env, Serving: s.serving, Others: s.others, Networks: map[string]network{}})
	}
	slices.SortFunc(scenes, func(a, b scene) int { return compareNames(a.Environment, b.Environment) })
	for _, n := range m.runtime.Networks() {
		for i := range scenes {
			if scenes[i].Environment == n.Environment && !m.sites[n.Environment].leaving[n.Name] {
				scenes[i].Networks[n.Name] = network{Name: n.Name, Gateway: n.Gateway, VIPs: n.VIPs, RedirectPort: uint16(n.RedirectPort)}
			}
		}
	}
	for i := range scenes {
		scenes[i].Replicas = m.Replicas(scenes[i].Environment)
		scenes[i].OneOffs = m.runtime.OneOffs(scenes[i].Environment)
	}
	r := routes(scenes, m.vips, time.Now())
	r.TrustedProxies = m.TrustedProxies
	m.mu.Unlock()
	return m.edge.Apply(ctx, r)
}

// routesChanged applies routes outside of any call: a replica died, or its health changed.
func (m *Machine) routesChanged() {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	if err := m.Apply(ctx); err != nil {
		m.log.Error("apply routes", "error", err)
	}
}

// Close stops asking replicas for their health.
func (m *Machine) Close() { m.health.close() }

func compareNames(a, b release.Environment) int {
	switch x, y := a.String(), b.String(); {
	case x < y:
		return -1
	case x > y:
		return 1
	}
	return 0
}
