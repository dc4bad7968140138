package rollout

import (
	"slices"
	"time"

	"github.com/seaworthyhq/seaworthy/internal/release"
)

// watch sees whether the new generation stays well while the old one could still come back.
func (p *planner) watch() {
	p.proven = p.settled
	for _, name := range p.order {
		c := p.changes[name]
		if c.policy.Monitor == 0 || c.oneShot() {
			continue
		}
		for id, index := range p.watched(c) {
			p.proven = append(p.proven, p.add(Operation{
				Key: "watch " + id, Kind: Await, Service: name, ID: id, Index: index,
				Until: Steady, Limit: time.Duration(c.policy.Monitor), Tolerate: c.tolerate(),
			}, p.settled))
		}
	}
	p.proven = joined(p.proven)
}

// watched are the replicas that have yet to be proven, ID and index: those that start and, where an interrupted deployment
// goes on, those that it has started.
func (p *planner) watched(c *change) func(yield func(string, int) bool) {
	return func(yield func(string, int) bool) {
		for _, r := range c.keep {
			if !c.want.Completed(r) && (!p.serving.routes(r) || p.resumes(c)) && !p.desired.Return && !yield(r.ID, r.Index) {
				return
			}
		}
		for _, r := range c.start {
			if !yield(r.ID, r.Index) {
				return
			}
		}
	}
}

// resumes reports whether the service was replaced by a deployment that did not get to its end.
func (p *planner) resumes(c *change) bool {
	b := p.desired.Before
	return b != nil && b.Config.Spec(c.name) != c.spec && slices.ContainsFunc(c.retire, p.current)
}

// retire ends the replicas that served, dependents before those they depend on.
func (p *planner) retire() {
	was := p.serving.generation().Config
	order := dependencyOrder(was)
	ending := map[string][]release.Replica{}
	for name, c := range p.changes {
		for _, r := range c.retire {
			if p.current(r) {
				ending[name] = append(ending[name], r)
			}
		}
	}
	names := withOthers(order, ending)
	slices.Reverse(names)
	// All are drained before any is stopped: what one still has to answer may ask another, whether that is declared or not.
	var drained []string
	for _, name := range names {
		for _, r := range slices.Backward(ending[name]) {
			if p.ends(r) {
				drained = append(drained, p.drain(r, !p.down(), p.settled))
			}
		}
	}
	stops := map[string][]string{}
	for _, name := range names {
		waits := slices.Clone(drained)
		for _, d := range dependents(was, name, order) {
			waits = append(waits, stops[d]...)
		}
		for _, r := range slices.Backward(ending[name]) {
			stops[name] = append(stops[name], p.retireOne(r, waits)...)
		}
	}
}

// retireOne ends one replica; it returns the key of its stop, if it still runs.
func (p *planner) retireOne(r release.Replica, waits []string) []string {
	if !p.ends(r) {
		p.remove(r, "", p.proven)
		return nil
	}
	stopped := []string{p.stop(r, "", !p.down(), p.proven, waits)}
	p.remove(r, "", stopped)
	return stopped
}

// ends reports whether the replica has to be drained and stopped before it can be removed.
func (p *planner) ends(r release.Replica) bool {
	return !p.changes[r.Service].stops && r.State == release.StateRunning
}

// discard removes the networks that nothing uses any more. Volumes are never removed: they are the user's.
func (p *planner) discard() {
	var kept []string
	for _, n := range p.desired.Generation.Config.Networks {
		kept = append(kept, n.Name)
	}
	for _, n := range joined(p.observed.Networks) {
		if !slices.Contains(kept, n) {
			p.add(Operation{
				Key: "remove network " + n, Kind: RemoveNetwork, Network: n, Cleanup: !p.down(),
			}, p.removed, p.proven)
		}
	}
}
