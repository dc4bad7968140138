package rollout

import (
	"maps"
	"slices"
)

// swap moves all traffic to the new generation, in one operation, once all of it is well.
func (p *planner) swap() {
	p.settled = joined(p.allReady(), []string{p.holding})
	target := p.target()
	if p.serves(target) {
		return
	}
	effect := "move traffic to " + shown(target.Generation)
	if p.down() {
		effect = "take all routes away"
	}
	p.settled = []string{p.add(Operation{Key: effect, Kind: Route, Serving: &target, Effect: effect}, p.settled, p.prepared)}
}

// target is where traffic shall go.
func (p *planner) target() Serving {
	t := Serving{Generation: p.desired.Generation, Replicas: map[string][]string{}}
	for name, c := range p.changes {
		if c.want == nil || c.oneShot() {
			continue
		}
		var ids []string
		for _, r := range c.keep {
			ids = append(ids, r.ID)
		}
		for _, r := range c.start {
			ids = append(ids, r.ID)
		}
		if len(ids) > 0 {
			t.Replicas[name] = joined(ids)
		}
	}
	return t
}

// serves reports whether traffic goes to the target already. The number of the deployment does not count: the same content
// deployed again is nothing to do.
func (p *planner) serves(target Serving) bool {
	s := p.serving
	if s == nil {
		return p.down()
	}
	return p.holding == "" && len(s.Held) == 0 &&
		s.Generation.Release == target.Generation.Release && same(s.Generation.Config, target.Generation.Config) &&
		maps.EqualFunc(s.Replicas, target.Replicas, slices.Equal)
}

func (p *planner) allReady() []string {
	return joined(slices.Concat(slices.Collect(maps.Values(p.ready))...))
}
