package rollout

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/seaworthyhq/seaworthy/internal/release"
)

// change is what happens to one service: which of its replicas stay, which start, which go.
type change struct {
	name   string
	before *release.Service // what serves; nil: nothing
	want   *release.Service // nil: the service goes
	spec   release.Digest   // of want
	policy release.UpdatePolicy

	keep   []release.Replica // run already what they shall
	start  []Replica
	rerun  []release.Replica // one-shots that did not succeed; removed, then started anew
	retire []release.Replica
	stops  bool // old replicas stop before new ones start
	yields bool // nothing serves while new ones start: they stop, or an interrupted rollout has stopped them
}

// changeOf decides what happens to the service of that name.
func (p *planner) changeOf(name string) *change {
	c := &change{
		name:   name,
		before: p.serving.generation().Config.Service(name),
		want:   p.desired.Generation.Config.Service(name),
		spec:   p.desired.Generation.Config.Spec(name),
	}
	have := p.replicasOf(name)
	if c.want == nil {
		c.retire = have
		return c
	}
	c.policy = updatePolicy(p.desired, c.want)
	p.choose(c, have)
	c.stops = c.stopsFirst()
	c.yields = c.stops && slices.ContainsFunc(c.retire, p.serving.routes) || p.serving.Holds(name) && len(c.start) > 0
	return c
}

// updatePolicy is the one that holds on the way forth, or on the way back. What has to stop first has to do so both ways,
// unless the file says otherwise.
func updatePolicy(d Desired, s *release.Service) release.UpdatePolicy {
	if !d.Return && d.Cause != release.CauseRollback {
		return s.Update
	}
	back := s.Rollback
	back.Order = cmp.Or(back.Order, s.Update.Order)
	return back
}

// choose sorts the replicas into those that stay, those that start and those that go.
func (p *planner) choose(c *change, have []release.Replica) {
	usable := slices.DeleteFunc(slices.Clone(have), func(r release.Replica) bool { return !p.usable(c, r) })
	slices.SortStableFunc(usable, p.preferred)
	usable = usable[:min(len(usable), c.want.Replicas)]

	taken := map[int]bool{}
	for _, r := range have {
		if r.Spec == c.spec {
			taken[r.Index] = true
		}
		if !slices.ContainsFunc(usable, func(u release.Replica) bool { return u.ID == r.ID }) {
			c.retire = append(c.retire, r)
		}
	}
	for _, r := range usable {
		switch {
		case r.State == release.StateRunning, c.want.Completed(r):
			c.keep = append(c.keep, r)
		default:
			if c.want.OneShot {
				c.rerun = append(c.rerun, r)
			}
			c.start = append(c.start, p.again(c, r))
		}
	}
	for index := 1; len(c.keep)+len(c.start) < c.want.Replicas; index++ {
		if !taken[index] {
			c.start = append(c.start, p.fresh(c, index))
		}
	}
	slices.SortFunc(c.start, func(a, b Replica) int { return cmp.Compare(a.Index, b.Index) })
}

// usable reports whether the replica can be one of those that the service shall have.
func (p *planner) usable(c *change, r release.Replica) bool {
	sick := r.State == release.StateRunning && r.Health == release.HealthUnhealthy
	return r.Spec == c.spec && (!sick || p.desired.Return)
}

// preferred orders replicas by how much is lost when they go: what runs or has done its work before what does not, what is healthy before what
// is not, what takes traffic before what does not, the oldest index first.
func (p *planner) preferred(a, b release.Replica) int {
	rank := func(r release.Replica) int {
		switch {
		case r.State != release.StateRunning && !p.desired.Generation.Config.Service(r.Service).Completed(r):
			return 4
		case r.Health == release.HealthUnhealthy:
			return 3
		case r.Health == release.HealthStarting:
			return 2
		case !p.serving.routes(r):
			return 1
		}
		return 0
	}
	return cmp.Or(cmp.Compare(rank(a), rank(b)), cmp.Compare(a.Index, b.Index), cmp.Compare(a.ID, b.ID))
}

func (p *planner) fresh(c *change, index int) Replica {
	return Replica{
		ID:         ReplicaID(p.desired.Environment, c.name, c.spec, index),
		Index:      index,
		Spec:       c.spec,
		Deployment: p.desired.Generation.Deployment,
		Release:    p.desired.Generation.Release,
		Service:    *c.want,
	}
}

// again is the replica as it is known, to be started once more.
func (p *planner) again(c *change, r release.Replica) Replica {
	again := p.fresh(c, r.Index)
	again.ID = r.ID
	if r.Deployment != 0 {
		again.Deployment, again.Release = r.Deployment, r.Release
	}
	return again
}

// stopsFirst decides the order. A single replica that writes to a volume is not to meet its successor there, unless the
// file says that it may.
func (c *change) stopsFirst() bool {
	running := slices.ContainsFunc(c.retire, func(r release.Replica) bool { return r.State == release.StateRunning })
	if c.want.OneShot || len(c.start) == 0 || !running {
		return false
	}
	switch c.policy.Order {
	case release.StopFirst:
		return true
	case release.StartFirst:
		return false
	}
	return c.want.Replicas == 1 && writes(c.want)
}

// warning is about a writer that was alone, and was stopped first for that where the file does not say otherwise: it gets company.
func (c *change) warning() string {
	if c.want == nil || c.before == nil || c.before.Replicas != 1 || c.want.Replicas < 2 || c.want.Update.Order != "" || c.oneShot() {
		return ""
	}
	written := shared(c.want)
	if len(written) == 0 {
		return ""
	}
	return fmt.Sprintf("%d replicas of %s will write to %s at the same time; update_config.order: start-first says that they may",
		c.want.Replicas, c.name, strings.Join(written, ", "))
}

// writes reports whether replicas of the service share something writable that outlives them.
func writes(s *release.Service) bool { return len(shared(s)) > 0 }

// shared names the volumes and paths of the host that replicas of the service write to.
func shared(s *release.Service) []string {
	var names []string
	for _, m := range s.Mounts {
		if !m.ReadOnly && (m.Kind == release.MountVolume || m.Kind == release.MountBind) {
			names = append(names, m.Source)
		}
	}
	return names
}

// oneShot reports whether the service runs to its end and takes no traffic.
func (c *change) oneShot() bool { return c.want != nil && c.want.OneShot }

// tolerate is how many of the replicas that start may fail. Whatever the policy, one has to come up.
func (c *change) tolerate() int {
	if c.oneShot() {
		return 0
	}
	const rounding = 1e-9 // 0.29 of 100 is 29
	allowed := int(c.policy.MaxFailureRatio*float64(len(c.start)) + rounding)
	if c.policy.FailureAction == release.ActionContinue {
		allowed = len(c.start)
	}
	return max(0, min(allowed, len(c.start)+len(c.keep)-1))
}
