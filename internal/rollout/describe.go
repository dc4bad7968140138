package rollout

import (
	"fmt"
	"net/netip"
	"slices"

	"github.com/seaworthyhq/seaworthy/internal/event"
	"github.com/seaworthyhq/seaworthy/internal/phrase"
	"github.com/seaworthyhq/seaworthy/internal/release"
)

// Change is what a plan does to one service, for people.
type Change struct {
	Service string
	Action  string   // "replace 2 replicas, start-first"
	Causes  []string // "image 1a2b3c4d5e6f → 99aa88bb77cc"
	// Interruption says that the service does not answer for a while, and for how long at most; else empty.
	Interruption string
	Warning      string // what to think of before it happens; may be empty
	Kind         event.ChangeKind
	Ports        []release.Port // of the host, that will lead to the service
	NewPorts     []release.Port // those of them that lead to it from now on
}

// describe is the change for people.
func (p *planner) describe(c *change) Change {
	d := Change{Service: c.name, Action: p.action(c), Causes: p.causes(c), Warning: c.warning(), Kind: event.Changed}
	if d.Action == "unchanged" && len(d.Causes) > 0 {
		d.Action = "route anew"
	}
	if c.before != nil && c.want != nil {
		policies := policyDifferences(*c.before, *c.want)
		if d.Action == "unchanged" && len(policies) > 0 {
			d.Action = "keep " + phrase.Count(len(c.keep), "replica")
		}
		d.Causes = append(d.Causes, policies...)
	}
	switch {
	case c.want == nil:
		d.Kind = event.Removed
	case d.Action == "unchanged":
		d.Kind = event.Unchanged
	case c.before == nil:
		d.Kind = event.Added
	}
	if c.want != nil {
		d.Ports = c.want.Ports
		d.NewPorts = slices.DeleteFunc(slices.Clone(d.Ports), func(p release.Port) bool {
			return c.before != nil && slices.Contains(c.before.Ports, p)
		})
		if len(c.start) > 0 && mayBeSilent(*c.want) {
			d.Causes = append(d.Causes, fmt.Sprintf("well after %s even where no port answers: its command is not the Dockerfile's", people(c.want.Update.Monitor.Or(release.DefaultMonitor))))
		}
	}
	if w, held := p.held[c.name]; held {
		d.Interruption = fmt.Sprintf("requests to %s wait while it is replaced, at most %s", c.name, people(w.forth))
		if w.back > 0 {
			d.Interruption += fmt.Sprintf(", and %s more where it has to come back", people(w.back))
		}
	}
	return d
}

// mayBeSilent reports whether the ports of a service are known from its Dockerfile only, whose command is not the one that it runs. A job
// has to complete, whatever it answers.
func mayBeSilent(s release.Service) bool {
	return s.MayListen && !s.OneShot && len(s.Ports) == 0 && len(s.Expose) > 0 && (s.Health == nil || len(s.Health.Test) == 0)
}

func (c Change) event() event.Change {
	e := event.Change{Service: c.Service, Kind: c.Kind, Action: c.Action, Causes: c.Causes, Interruption: c.Interruption, Warning: c.Warning}
	for _, port := range c.Ports {
		e.Ports = append(e.Ports, event.Port{
			HostIP: port.HostIP, Published: port.Published, Target: port.Target, Protocol: port.Protocol, World: world(port.HostIP),
			New: slices.Contains(c.NewPorts, port),
		})
	}
	return e
}

// exposed are the new ports that other machines can reach.
func (c Change) exposed() []release.Port {
	return slices.DeleteFunc(slices.Clone(c.NewPorts), func(p release.Port) bool { return !world(p.HostIP) })
}

// world reports whether a port on that address of the host can be reached from other machines.
func world(hostIP string) bool {
	ip, err := netip.ParseAddr(hostIP)
	return err != nil || !ip.IsLoopback()
}

func (p *planner) action(c *change) string {
	surplus, replaced := 0, 0
	for _, r := range c.retire {
		switch {
		case !p.current(r):
		case c.want != nil && r.Spec == c.spec:
			surplus++
		default:
			replaced++
		}
	}
	started := len(c.start)
	switch {
	case c.want == nil:
		return "remove " + phrase.Count(len(c.retire), "replica") + p.whose("")
	case c.oneShot() && started > 0:
		return "run to its end"
	case started == 0 && surplus > 0:
		return fmt.Sprintf("scale %d → %d", len(c.keep)+surplus, c.want.Replicas)
	case started == 0 && len(c.retire) > 0:
		return "remove " + phrase.Count(len(c.retire), "replica") + p.whose(" left over")
	case started == 0:
		return "unchanged"
	case c.stops:
		return fmt.Sprintf("replace %s, stop-first", exchange(surplus+replaced, started))
	case replaced > 0:
		return fmt.Sprintf("replace %s, start-first", exchange(replaced, c.want.Replicas))
	case surplus > 0:
		return fmt.Sprintf("replace %s, start-first", exchange(surplus, started))
	case len(c.keep) > 0 && c.before != nil && c.before.Replicas < c.want.Replicas:
		return fmt.Sprintf("scale %d → %d", c.before.Replicas, c.want.Replicas)
	}
	return "start " + phrase.Count(started, "replica")
}

// whose says of replicas that go whose they are: on the way back they are the failed deployment's.
func (p *planner) whose(otherwise string) string {
	if p.desired.Return {
		return " of the failed deployment"
	}
	return otherwise
}

// exchange is "2 replicas", or "4 replicas by 2".
func exchange(old, fresh int) string {
	if old == fresh || old == 0 {
		return phrase.Count(fresh, "replica")
	}
	return fmt.Sprintf("%s by %d", phrase.Count(old, "replica"), fresh)
}

// causes says why; nothing where the action says it all.
func (p *planner) causes(c *change) []string {
	if c.want == nil {
		return nil
	}
	if c.before == nil {
		if len(c.start) > 0 {
			return []string{"new"}
		}
		return nil
	}
	was, is := p.serving.Generation.Config, p.desired.Generation.Config
	found := append(differences(*c.before, *c.want), replacedDependencies(was, is, *c.want)...)
	found = append(found, routeDifferences(*c.before, *c.want)...)
	for _, r := range p.replicasOf(c.name) {
		if r.Spec == c.spec && (p.serving.routes(r) || c.oneShot()) && !c.want.Completed(r) {
			found = append(found, ailment(r)...)
		}
	}
	return found
}

// ailment says what is wrong with a replica, if anything.
func ailment(r release.Replica) []string {
	switch {
	case r.State == release.StateExited && r.OOMKilled:
		return []string{fmt.Sprintf("%s %d ran out of memory", r.Service, r.Index)}
	case r.State == release.StateExited && r.ExitKnown:
		return []string{fmt.Sprintf("%s %d exited with %d", r.Service, r.Index, r.ExitCode)}
	case r.State != release.StateRunning:
		return []string{fmt.Sprintf("%s %d does not run", r.Service, r.Index)}
	case r.Health == release.HealthUnhealthy:
		return []string{fmt.Sprintf("%s %d is unhealthy", r.Service, r.Index)}
	}
	return nil
}
