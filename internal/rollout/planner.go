package rollout

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/seaworthyhq/seaworthy/internal/release"
)

// PlanDeploy is the way from what was observed to what is desired. It is pure: equal arguments give equal plans.
//
// The order of the operations is always this one, each part missing where there is nothing to do. Whatever fails up to
// the swap, or while the new generation is watched, leaves the old one able to serve.
//
//	prepare   networks and volumes
//	clear     replicas that neither serve nor shall: an interrupted or failed deployment left them
//	start     what can run beside what serves; wait until it is well
//	yield     hold requests to services that cannot, drain and stop their replicas
//	start     their successors, and who depends on them; wait until they are well
//	swap      all traffic at once to the new generation
//	watch     it for as long as the services' monitor says
//	retire    drain, stop and remove the old replicas, dependents first
//	discard   networks that nothing uses
func PlanDeploy(o Observed, d Desired) Plan {
	p := newPlanner(o, d)
	p.prepare()
	p.clear()
	p.startEarly()
	p.yield()
	p.startLate()
	p.swap()
	p.watch()
	p.retire()
	p.discard()
	p.boundHold()
	return p.plan()
}

// planner holds what is known while a plan is made. Lists of keys are what later operations wait for.
type planner struct {
	observed Observed
	desired  Desired
	serving  *Serving // observed
	order    []string // services that shall be, dependencies first
	changes  map[string]*change

	sequence
	prepared []string
	started  map[string][]string // by service: its replicas have started
	ready    map[string][]string // by service: its replicas are well, or have ended
	stopped  map[string][]string // by service: its old replicas have stopped
	removed  []string
	holding  string   // key of the hold
	settled  []string // the new generation serves
	proven   []string // and has been watched
	held     map[string]wait
}

func newPlanner(o Observed, d Desired) *planner {
	p := &planner{
		observed: o, desired: d, serving: o.Serving,
		order:   dependencyOrder(d.Generation.Config),
		changes: map[string]*change{},
		started: map[string][]string{},
		ready:   map[string][]string{},
		stopped: map[string][]string{},
		held:    map[string]wait{},
	}
	names := serviceNames(d.Generation.Config, p.serving.generation().Config)
	for _, r := range o.Replicas {
		names = append(names, r.Service)
	}
	for _, name := range joined(names) {
		p.changes[name] = p.changeOf(name)
	}
	return p
}

func (p *planner) plan() Plan {
	plan := Plan{Environment: p.desired.Environment, Title: p.title(), Operations: p.operations}
	for _, name := range slices.Sorted(maps.Keys(p.changes)) {
		c := p.changes[name]
		if c.want != nil || len(c.retire) > 0 {
			plan.Changes = append(plan.Changes, p.describe(c))
		}
	}
	return plan
}

// replicasOf are the observed replicas of a service, by index and ID.
func (p *planner) replicasOf(service string) []release.Replica {
	var found []release.Replica
	for _, r := range p.observed.Replicas {
		if r.Service == service {
			found = append(found, r)
		}
	}
	slices.SortFunc(found, func(a, b release.Replica) int {
		return cmp.Or(cmp.Compare(a.Index, b.Index), cmp.Compare(a.ID, b.ID))
	})
	return found
}

// current reports whether the replica serves or can come back to serve if this rollout fails. All others are leftovers.
func (p *planner) current(r release.Replica) bool {
	if p.serving.routes(r) || r.Spec == p.serving.generation().Config.Spec(r.Service) {
		return true
	}
	return p.desired.Before != nil && r.Spec == p.desired.Before.Config.Spec(r.Service)
}

// down reports whether the environment is to be empty.
func (p *planner) down() bool { return !p.desired.Generation.serves() }

// grace is what the replica gets to finish what it was asked, and then to end: as the configuration says that it was started
// with, if that is known. Compose has no word for the first; who grants a process that long to end means requests.
func (p *planner) grace(r release.Replica) time.Duration {
	c := p.changes[r.Service]
	if s := cmp.Or(c.before, c.want); s != nil {
		return stopGrace(s)
	}
	return r.StopGrace.Or(release.DefaultStopGrace) // of a service that no configuration knows: a first deployment failed
}

func (p *planner) prepare() {
	op := Operation{Kind: Prepare}
	was := p.serving.generation().Config.Networks
	for _, n := range p.desired.Generation.Config.Networks {
		known := slices.ContainsFunc(was, func(w release.Network) bool { return w.Name == n.Name })
		if !slices.Contains(p.observed.Networks, n.Name) || known && !slices.Contains(was, n) {
			op.Networks = append(op.Networks, n)
		}
	}
	for _, v := range p.desired.Generation.Config.Volumes {
		if !slices.Contains(p.observed.Volumes, v.Name) {
			op.Volumes = append(op.Volumes, v)
		}
	}
	if len(op.Networks)+len(op.Volumes) > 0 {
		op.Key = op.String()
		p.prepared = []string{p.add(op)}
	}
}

// clear stops and removes leftovers. Nothing waits for that but a successor that is not to meet them.
func (p *planner) clear() {
	for _, name := range slices.Sorted(maps.Keys(p.changes)) {
		for _, r := range p.changes[name].retire {
			if p.current(r) {
				continue
			}
			cause := p.leftover(r)
			var stop []string
			if r.State == release.StateRunning {
				stop = []string{p.stop(r, cause, !p.changes[name].stops && !p.down())}
				p.stopped[name] = append(p.stopped[name], stop...)
			}
			p.remove(r, cause, stop)
		}
	}
}

// leftover says where a replica comes from that neither serves nor shall.
func (p *planner) leftover(r release.Replica) string {
	switch {
	case p.failed(r) && r.Deployment != 0:
		return fmt.Sprintf("of deployment %d, which failed", r.Deployment)
	case p.failed(r):
		return "of the deployment that failed"
	case r.Deployment != 0:
		return fmt.Sprintf("left over from deployment %d", r.Deployment)
	}
	return "left over"
}

// old reports whether the replica runs something else than its service shall.
func (p *planner) old(r release.Replica) bool {
	c := p.changes[r.Service]
	return !p.desired.Return && c.want != nil && r.Spec != c.spec
}

// failed reports whether the replica is of the deployment from which the plan leads back: a deployment clears away what
// others have left before it starts anything.
func (p *planner) failed(r release.Replica) bool {
	return p.desired.Return && r.Spec != p.changes[r.Service].spec
}

func (p *planner) stop(r release.Replica, cause string, cleanup bool, after ...[]string) string {
	return p.add(Operation{
		Key: "stop " + r.ID, Kind: Stop, Service: r.Service, ID: r.ID, Index: r.Index, Old: p.old(r), Failed: p.failed(r), Cause: cause,
		Limit: p.grace(r), Cleanup: cleanup,
	}, after...)
}

func (p *planner) drain(r release.Replica, cleanup bool, after ...[]string) string {
	return p.add(Operation{
		Key: "drain " + r.ID, Kind: Drain, Service: r.Service, ID: r.ID, Index: r.Index, Old: p.old(r), Failed: p.failed(r),
		Limit: p.grace(r), Cleanup: cleanup,
	}, after...)
}

func (p *planner) remove(r release.Replica, cause string, after ...[]string) {
	p.removed = append(p.removed, p.add(Operation{
		Key: "remove " + r.ID, Kind: Remove, Service: r.Service, ID: r.ID, Index: r.Index, Old: p.old(r), Failed: p.failed(r), Cause: cause, Cleanup: !p.down(),
	}, after...))
}
