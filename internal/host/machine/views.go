package machine

import (
	"net/netip"
	"slices"

	"github.com/seaworthyhq/seaworthy/internal/edge"
	"github.com/seaworthyhq/seaworthy/internal/release"
)

// views has one view for each service of the generation that asks: its replicas see the services that share a network
// with them, in the same generation.
func (s scene) views(g generation, seen map[netip.Addr]bool, vips *vipTable) []edge.View {
	var views []edge.View
	for _, asker := range g.Config.Services {
		view := edge.View{ID: s.poolID(g, asker.Name)}
		for _, r := range append(g.members(asker.Name), ofService(g.guests, asker.Name)...) {
			if addr, err := netip.ParseAddr(r.IP); err == nil && !seen[addr] {
				seen[addr] = true
				view.Clients = append(view.Clients, addr)
			}
		}
		if first, ok := s.gatewayOf(asker); ok && len(view.Clients) > 0 {
			view.Services = s.targets(g, first, networkNames(asker), vips)
			views = append(views, view)
		}
	}
	return views
}

func ofService(all []release.Replica, service string) []release.Replica {
	return slices.DeleteFunc(slices.Clone(all), func(r release.Replica) bool { return r.Service != service })
}

// gatewayOf is the network whose gateway the replicas of a service ask, their first.
func (s scene) gatewayOf(service release.Service) (network, bool) {
	if len(service.Networks) == 0 {
		return network{}, false
	}
	n, ok := s.Networks[service.Networks[0].Network]
	return n, ok
}

// defaultView is what a client sees that is no replica of what is known: one that has just been made.
func (s scene) defaultView(serving generation, n network, vips *vipTable) edge.View {
	return edge.View{
		ID:       s.Environment.String() + "/default/" + n.Name,
		Services: s.targets(serving, n, []string{n.Name}, vips),
	}
}

// targets are the services of the generation in one of the networks, at addresses of via.
func (s scene) targets(g generation, via network, networks []string, vips *vipTable) []edge.Target {
	var all []edge.Target
	for _, service := range g.Config.Services {
		names := namesIn(service, networks)
		if service.OneShot || names == nil {
			continue
		}
		vip, ok := vips.of(s.Environment, via, service.Name)
		if !ok {
			continue
		}
		all = append(all, edge.Target{
			Names: names, VIP: vip, Pool: s.answering(g, service.Name), AppProtocols: appProtocols(service), UDP: udpPorts(service),
		})
	}
	return all
}

// answering is the pool that answers for a service of the generation. In one that goes, what has been stopped is answered for by
// what serves in its place: to requests that waited for that, and to those that go on while their replica is drained.
func (s scene) answering(g generation, service string) string {
	own := s.poolID(g, service)
	if s.Serving == nil || g.Deployment >= s.Serving.Generation.Deployment || len(takers(g.members(service))) > 0 {
		return own
	}
	serving := s.generations()[0]
	if slices.ContainsFunc(serving.Config.Services, func(by release.Service) bool { return by.Name == service && !by.OneShot }) {
		return s.poolID(serving, service)
	}
	return own
}

// udpPorts are those that a service is known to answer at: exposed, or published.
func udpPorts(service release.Service) []int {
	var ports []int
	for _, e := range service.Expose {
		if e.Protocol == edge.UDP {
			ports = append(ports, e.Port)
		}
	}
	for _, p := range service.Ports {
		if p.Protocol == edge.UDP {
			ports = append(ports, p.Target)
		}
	}
	slices.Sort(ports)
	return slices.Compact(ports)
}

// namesIn are the names that a service answers to in any of the networks, its own first; nil if it is in none of them.
func namesIn(service release.Service, networks []string) []string {
	var names []string
	for _, a := range service.Networks {
		if !slices.Contains(networks, a.Network) {
			continue
		}
		if names == nil {
			names = []string{service.Name}
		}
		for _, alias := range a.Aliases {
			if !slices.Contains(names, alias) {
				names = append(names, alias)
			}
		}
	}
	return names
}

func networkNames(service release.Service) []string {
	var names []string
	for _, a := range service.Networks {
		names = append(names, a.Network)
	}
	return names
}

func appProtocols(service release.Service) map[int]string {
	known := map[int]string{}
	for _, e := range service.Expose {
		if service.AppProtocol != "" && e.Protocol != edge.UDP {
			known[e.Port] = service.AppProtocol
		}
	}
	for _, p := range service.Ports {
		if p.AppProtocol != "" {
			known[p.Target] = p.AppProtocol
		}
	}
	if len(known) == 0 {
		return nil
	}
	return known
}
