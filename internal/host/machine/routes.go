package machine

import (
	"cmp"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/seaworthyhq/seaworthy/internal/edge"
	"github.com/seaworthyhq/seaworthy/internal/release"
	"github.com/seaworthyhq/seaworthy/internal/rollout"
)

// network is a network of an environment as the edge meets it.
type network struct {
	Name         string
	Gateway      netip.Addr
	VIPs         netip.Prefix
	RedirectPort uint16
}

// scene is one environment as its routes follow from it.
type scene struct {
	Environment release.Environment
	Serving     *rollout.Serving
	// Others are the generations that do not serve but whose replicas run: the one that is coming, the one that is going.
	Others   []rollout.Generation
	Replicas []release.Replica
	OneOffs  []release.Replica  // beside the replicas that serve: they see what those see, and nobody sees them
	Networks map[string]network // by name
}

// generation is one of a scene's generations and the replicas of it that take requests.
type generation struct {
	rollout.Generation
	id      string
	holds   []rollout.Hold
	members func(service string) []release.Replica
	guests  []release.Replica // one-offs
}

// routes derives all that the edge does from all environments. now is for the end of holds.
func routes(scenes []scene, vips *vipTable, now time.Time) edge.Routes {
	var r edge.Routes
	for _, s := range scenes {
		s.addTo(&r, vips, now)
	}
	return r
}

func (s scene) addTo(r *edge.Routes, vips *vipTable, now time.Time) {
	generations := s.generations()
	seen := map[netip.Addr]bool{} // a replica that generations share sees the first of them, the serving one before all
	for _, g := range generations {
		r.Pools = append(r.Pools, s.pools(g, now)...)
		r.Views = append(r.Views, s.views(g, seen, vips)...)
	}
	if s.Serving != nil {
		r.Listeners = append(r.Listeners, s.listeners(generations[0])...)
	}
	for _, name := range slices.Sorted(maps.Keys(s.Networks)) {
		n := s.Networks[name]
		out := edge.Network{ID: s.Environment.String() + "/" + name, Gateway: n.Gateway, VIPs: n.VIPs, RedirectPort: n.RedirectPort}
		if s.Serving != nil {
			view := s.defaultView(generations[0], n, vips)
			r.Views = append(r.Views, view)
			out.DefaultView = view.ID
		}
		r.Networks = append(r.Networks, out)
	}
}

// generations are the scene's, the serving one first.
func (s scene) generations() []generation {
	var all []generation
	if s.Serving != nil {
		serving := s.Serving
		all = append(all, generation{
			Generation: serving.Generation,
			id:         "serving",
			holds:      serving.Held,
			guests:     s.OneOffs,
			members: func(service string) []release.Replica {
				return s.filter(func(r release.Replica) bool { return slices.Contains(serving.Replicas[service], r.ID) })
			},
		})
	}
	for _, g := range s.Others {
		all = append(all, generation{
			Generation: g,
			id:         fmt.Sprintf("%d", g.Deployment),
			members: func(service string) []release.Replica {
				spec := g.Config.Spec(service)
				return s.filter(func(r release.Replica) bool { return r.Service == service && r.Spec == spec })
			},
		})
	}
	return all
}

func (s scene) filter(keep func(release.Replica) bool) []release.Replica {
	var kept []release.Replica
	for _, r := range s.Replicas {
		if keep(r) {
			kept = append(kept, r)
		}
	}
	return kept
}

func (s scene) poolID(g generation, service string) string {
	return strings.Join([]string{s.Environment.String(), g.id, service}, "/")
}

func (s scene) pools(g generation, now time.Time) []edge.Pool {
	var pools []edge.Pool
	for _, service := range g.Config.Services {
		if service.OneShot {
			continue
		}
		pool := edge.Pool{ID: s.poolID(g, service.Name)}
		for _, r := range takers(g.members(service.Name)) {
			if addr, err := netip.ParseAddr(r.IP); err == nil {
				pool.Upstreams = append(pool.Upstreams, edge.Upstream{ID: r.ID, Addr: addr})
			}
		}
		for _, h := range g.holds {
			if h.Service == service.Name {
				limit := time.Duration(h.Limit)
				pool.Hold = &edge.Hold{Limit: limit, Expires: now.Add(limit)}
			}
		}
		pools = append(pools, pool)
	}
	return pools
}

// takers are the replicas that take requests: all that run but those known to be unwell. What is still starting is in:
// whoever made it a member has judged that it may be asked. Where none is well, those that run are asked all the same: a health
// check that is slow, or wrong, must not take a service away that may still answer.
func takers(members []release.Replica) []release.Replica {
	running := slices.DeleteFunc(slices.Clone(members), func(r release.Replica) bool { return r.State != release.StateRunning })
	well := slices.DeleteFunc(slices.Clone(running), func(r release.Replica) bool { return r.Health == release.HealthUnhealthy })
	if len(well) == 0 {
		return running
	}
	return well
}

func (s scene) listeners(serving generation) []edge.Listener {
	var all []edge.Listener
	for _, service := range serving.Config.Services {
		for _, p := range service.Ports {
			if p.Published == 0 {
				continue
			}
			all = append(all, edge.Listener{
				Addr:        hostAddr(p),
				Protocol:    p.Protocol,
				AppProtocol: cmp.Or(p.AppProtocol, service.AppProtocol),
				Pool:        s.poolID(serving, service.Name),
				Port:        p.Target,
			})
		}
	}
	return all
}

func hostAddr(p release.Port) netip.AddrPort {
	addr := netip.IPv6Unspecified() // all addresses of both families
	if p.HostIP != "" {
		if a, err := netip.ParseAddr(p.HostIP); err == nil {
			addr = a
		}
	}
	return netip.AddrPortFrom(addr, uint16(p.Published))
}
