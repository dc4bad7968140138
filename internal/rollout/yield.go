package rollout

import (
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/seaworthyhq/seaworthy/internal/release"
)

// yield makes room for replicas that cannot run beside those they replace. Everything else is well before, so that
// the time in which nothing answers is as short as it can be.
func (p *planner) yield() {
	leaving := p.leaving()
	p.hold(leaving)
	was := p.serving.generation().Config
	order := dependencyOrder(was)
	for _, name := range slices.Backward(withOthers(order, leaving)) {
		for _, r := range leaving[name] {
			var waits []string
			for _, d := range dependents(was, name, order) {
				waits = append(waits, p.stopped[d]...)
			}
			drained := p.drain(r, false, []string{p.holding})
			p.stopped[name] = append(p.stopped[name], p.stop(r, "makes room for its successor", false, []string{drained}, waits))
		}
	}
}

// leaving are the running replicas that have to stop before their successors start, by service.
func (p *planner) leaving() map[string][]release.Replica {
	found := map[string][]release.Replica{}
	for name, c := range p.changes {
		if !c.stops {
			continue
		}
		for _, r := range c.retire {
			if p.current(r) && r.State == release.StateRunning {
				found[name] = append(found[name], r)
			}
		}
	}
	return found
}

// hold takes the leaving replicas out of the traffic. Requests to a service that keeps none wait. A hold that an interrupted
// rollout has left is renewed, so that it does not end on the way.
func (p *planner) hold(leaving map[string][]release.Replica) {
	if p.serving == nil {
		return
	}
	next := Serving{Generation: p.serving.Generation, Replicas: map[string][]string{}}
	var withdrawn, held []string
	renew := false
	for _, name := range slices.Sorted(maps.Keys(p.changes)) {
		stay := without(p.serving.Replicas[name], leaving[name])
		if len(stay) > 0 {
			next.Replicas[name] = stay
		}
		leaves := len(stay) < len(p.serving.Replicas[name])
		if leaves {
			withdrawn = append(withdrawn, name)
		}
		if len(stay) == 0 && (leaves || p.serving.Holds(name)) {
			held = append(held, name)
			next.Held = append(next.Held, Hold{Service: name})
		}
		renew = renew || p.changes[name].yields
	}
	if len(withdrawn) == 0 && !renew {
		return
	}
	effect := "hold " + strings.Join(held, ", ")
	if len(held) == 0 {
		effect = "withdraw old replicas of " + strings.Join(withdrawn, ", ")
	}
	p.holding = p.add(Operation{Key: effect, Kind: Route, Serving: &next, Effect: effect}, p.prepared, p.allReady())
}

// boundHold says in the hold how long it lasts at most: the longest way through the operations that end it, and the way back
// where that fails, since no request is to fail on either. One that is renewed is not shortened: those who wait have waited
// since it began.
func (p *planner) boundHold() {
	if p.holding == "" || len(p.settled) == 0 {
		return
	}
	limit := worst(p.operations, p.holding, p.settled[0])
	for _, op := range p.operations {
		if op.Key != p.holding {
			continue
		}
		for i := range op.Serving.Held {
			held := &op.Serving.Held[i]
			w := wait{forth: limit, back: p.wayBack(held.Service)}
			held.Limit = max(release.Duration(w.forth+w.back), p.serving.limitOf(held.Service))
			p.held[held.Service] = w
		}
	}
}

// limitOf is how long requests to the service wait at most; 0: they do not.
func (s *Serving) limitOf(service string) release.Duration {
	if !s.Holds(service) {
		return 0
	}
	return s.Held[slices.IndexFunc(s.Held, func(h Hold) bool { return h.Service == service })].Limit
}

// wait is how long requests to a service that is held wait at most.
type wait struct {
	forth time.Duration // until the new replicas serve
	back  time.Duration // and until the old ones do again, where the new ones fail
}

// wayBack is how long it takes at most to end the new replicas of a service and to have the old ones well again.
func (p *planner) wayBack(service string) time.Duration {
	c := p.changes[service]
	if p.desired.Return || c.want == nil || c.before == nil {
		return 0
	}
	return stopGrace(c.want) + wellLimit(*c.before)
}

func without(ids []string, gone []release.Replica) []string {
	return slices.DeleteFunc(slices.Clone(ids), func(id string) bool {
		return slices.ContainsFunc(gone, func(r release.Replica) bool { return r.ID == id })
	})
}
