package rollout

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/seaworthyhq/seaworthy/internal/release"
)

func (p *planner) startEarly() {
	for _, name := range p.order {
		if !p.late(name) {
			p.start(p.changes[name])
		}
	}
}

func (p *planner) startLate() {
	for _, name := range p.order {
		if p.late(name) {
			p.start(p.changes[name])
		}
	}
}

// late reports whether replicas of the service can only start after others have stopped: its own old ones, or those of
// a service that it has to wait for.
func (p *planner) late(name string) bool {
	return p.lateOn(name, nil)
}

func (p *planner) lateOn(name string, way []string) bool {
	c := p.changes[name]
	if c == nil || c.want == nil || slices.Contains(way, name) {
		return false
	}
	if c.stops || c.yields || len(c.start) == 0 {
		return c.stops || c.yields
	}
	return slices.ContainsFunc(dependencies(*c.want), func(d string) bool {
		return p.lateOn(d, append(slices.Clone(way), name))
	})
}

// start brings the service's new replicas up, in groups as its policy says, each group after the one before is well.
func (p *planner) start(c *change) {
	base := joined(p.prepared, p.waitsFor(c))
	if c.stops || c.yields {
		base = joined(base, p.stopped[c.name], []string{p.holding})
	}
	cause := strings.Join(p.causes(c), "; ")
	p.awaitKept(c)
	var group []string
	for i, r := range c.start {
		if n := c.policy.Parallelism; n > 0 && i > 0 && i%n == 0 {
			base, group = p.pause(c, i/n, group), nil
		}
		group = append(group, p.startOne(c, r, cause, base))
	}
}

// startOne starts a replica and waits for it.
func (p *planner) startOne(c *change, r Replica, cause string, after []string) string {
	if i := slices.IndexFunc(c.rerun, func(o release.Replica) bool { return o.ID == r.ID }); i >= 0 {
		after = joined(after, []string{p.add(Operation{
			Key: "remove " + r.ID, Kind: Remove, Service: c.name, ID: r.ID, Index: r.Index, Cause: "it did not succeed",
		}, after)})
	}
	start := p.add(Operation{
		Key: "start " + r.ID, Kind: Start, Service: c.name, ID: r.ID, Index: r.Index, Cause: cause,
		Replica: &r, Tolerate: c.tolerate(),
	}, after)
	p.started[c.name] = append(p.started[c.name], start)
	return p.await(c, r.ID, r.Index, []string{start})
}

// await waits until a replica of the service is what it has to be.
func (p *planner) await(c *change, id string, index int, after []string) string {
	until, limit := Well, wellLimit(*c.want)
	if c.oneShot() {
		until, limit = Ended, endLimit
	}
	key := p.add(Operation{
		Key: "await " + id, Kind: Await, Service: c.name, ID: id, Index: index,
		Until: until, Limit: limit, Tolerate: c.tolerate(),
	}, after)
	p.ready[c.name] = append(p.ready[c.name], key)
	return key
}

// awaitKept waits for replicas that an interrupted deployment has started.
func (p *planner) awaitKept(c *change) {
	for _, r := range c.keep {
		if p.desired.Return || p.serving.routes(r) || c.want.Completed(r) {
			continue
		}
		p.await(c, r.ID, r.Index, nil)
	}
}

// pause is what the next group of replicas waits for.
func (p *planner) pause(c *change, group int, before []string) []string {
	if c.policy.Delay == 0 {
		return before
	}
	return []string{p.add(Operation{
		Key: fmt.Sprintf("delay %s %d", c.name, group), Kind: Delay, Service: c.name, Limit: time.Duration(c.policy.Delay),
	}, before)}
}

// waitsFor are the operations that the service's dependencies ask for before it starts. A dependency that does not
// change is there already.
func (p *planner) waitsFor(c *change) []string {
	var keys []string
	for _, d := range c.want.DependsOn {
		if d.Condition == release.Started {
			keys = append(keys, p.started[d.Service]...)
		} else {
			keys = append(keys, p.ready[d.Service]...)
		}
	}
	return joined(keys)
}
