package project

import (
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strings"

	"github.com/compose-spec/compose-go/v2/types"

	"github.com/seaworthyhq/seaworthy/internal/release"
)

// attachments are in the order in which they are joined. None means: no network at all.
func attachments(s types.ServiceConfig) []release.Attachment {
	if s.NetworkMode == "none" {
		return nil
	}
	names := s.NetworksByPriority()
	if s.NetworkMode == "bridge" || len(names) == 0 {
		names = []string{"default"}
	}
	var all []release.Attachment
	for _, name := range names {
		a := release.Attachment{Network: name}
		if n := s.Networks[name]; n != nil {
			a.Aliases = slices.Clone(n.Aliases)
		}
		if s.ContainerName != "" && s.ContainerName != s.Name {
			a.Aliases = append(a.Aliases, s.ContainerName)
		}
		slices.Sort(a.Aliases)
		a.Aliases = slices.Compact(a.Aliases)
		all = append(all, a)
	}
	return all
}

// joinAliases gives a service the names under which others link to it.
func (c *converter) joinAliases() {
	for _, s := range c.project.Services {
		for _, link := range s.Links {
			name, alias, renamed := strings.Cut(link, ":")
			target := c.env.Service(name)
			if !renamed || target == nil || alias == name {
				continue
			}
			for i := range target.Networks {
				a := &target.Networks[i]
				if !slices.Contains(a.Aliases, alias) {
					a.Aliases = append(a.Aliases, alias)
					slices.Sort(a.Aliases)
				}
			}
		}
	}
}

// networks keeps the networks that services join.
func (c *converter) networks() {
	used := map[string]bool{}
	for _, s := range c.env.Services {
		for _, a := range s.Networks {
			used[a.Network] = true
			if _, ok := c.project.Networks[a.Network]; !ok && a.Network != "default" {
				c.reportUnknown(servicePath(s.Name, "networks"), a.Network, "network", slices.Sorted(maps.Keys(c.project.Networks)))
			}
		}
	}
	for _, name := range slices.Sorted(maps.Keys(used)) {
		c.env.Networks = append(c.env.Networks, release.Network{Name: name, Internal: c.project.Networks[name].Internal})
	}
}

// reportUnknown is about a name that the files use but do not define.
func (c *converter) reportUnknown(at trail, name, kind string, known []string) {
	p := c.item(at, name, "", "")
	if doc, n := c.locate(at.with(name)); doc != nil && n != nil && n.Value == name {
		p = doc.problemAt(n, "", "")
	}
	p.Message = fmt.Sprintf("%s uses the %s %q, which is not defined", at[1], kind, name)
	p.Hint = fmt.Sprintf("add it under %ss:%s", kind, didYouMean(name, known))
	c.add(p)
}

func (c *converter) ports(s types.ServiceConfig) []release.Port {
	var all []release.Port
	for _, port := range s.Ports {
		if p, ok := c.port(s.Name, port); ok {
			all = append(all, p)
		}
	}
	return all
}

func (c *converter) port(service string, in types.ServicePortConfig) (release.Port, bool) {
	p := release.Port{HostIP: in.HostIP, Target: int(in.Target), Protocol: in.Protocol, AppProtocol: in.AppProtocol}
	if p.Protocol == "" {
		p.Protocol = "tcp"
	}
	word := fmt.Sprint(in.Target)
	report := func(message, hint string) (release.Port, bool) {
		c.add(c.item(servicePath(service, "ports"), word, message, hint))
		return p, false
	}
	if p.Protocol != "tcp" && p.Protocol != "udp" {
		return report(fmt.Sprintf("ports cannot be published for %s", p.Protocol), "tcp and udp can")
	}
	if p.HostIP != "" {
		addr, err := netip.ParseAddr(p.HostIP)
		if err != nil {
			return report(fmt.Sprintf("%q is no address of the host", p.HostIP), "write 127.0.0.1, or leave it out for all addresses")
		}
		if addr.Is6() && addr.IsLinkLocalUnicast() && addr.Zone() == "" {
			return report(fmt.Sprintf("%s is an address on each link of the host, and does not say on which", p.HostIP), "write host_ip: "+p.HostIP+"%eth0, with the interface's name")
		}
	}
	if p.Target < 1 || p.Target > 65535 {
		return report(fmt.Sprintf("%d is no port", p.Target), "write a number from 1 to 65535")
	}
	word = in.Published
	if !publish(&p, in.Published) {
		return report(fmt.Sprintf("%q is no port", in.Published), "write a number from 1 to 65535, or a range such as 8000-8010 for the first one that is free")
	}
	return p, true
}

// publish reads the port of the host: "80", "8000-8010" for one of these, or nothing for any.
func publish(p *release.Port, written string) bool {
	first, last, isRange := strings.Cut(written, "-")
	var ok, ok2 bool
	switch {
	case written == "" || written == "0":
		return true
	case isRange:
		p.First, ok = number(first)
		p.Last, ok2 = number(last)
		return ok && ok2 && p.First <= p.Last
	}
	p.Published, ok = number(written)
	return ok
}

// checkPorts reports ports of the host that two services of an environment want.
func (c *converter) checkPorts() {
	type owner struct {
		service string
		ip      string
	}
	taken := map[string][]owner{}
	for _, s := range c.env.Services {
		for _, p := range s.Ports {
			if p.Published == 0 {
				continue
			}
			key := fmt.Sprintf("%d/%s", p.Published, p.Protocol)
			for _, o := range taken[key] {
				if overlap(o.ip, p.HostIP) {
					c.add(c.item(servicePath(s.Name, "ports"), fmt.Sprint(p.Published), fmt.Sprintf("port %s of the host is wanted by %s and by %s", key, o.service, s.Name), "give one of them another port"))
				}
			}
			taken[key] = append(taken[key], owner{s.Name, p.HostIP})
		}
	}
}

func overlap(a, b string) bool {
	all := func(ip string) bool {
		addr, _ := netip.ParseAddr(ip)
		return ip == "" || addr.IsUnspecified()
	}
	return a == b || all(a) || all(b)
}

// expose takes "3000", "8000-8010" and "53/udp".
func (c *converter) expose(s types.ServiceConfig) []release.Expose {
	var all []release.Expose
	for _, e := range s.Expose {
		ports, protocol, _ := strings.Cut(e, "/")
		first, last, isRange := strings.Cut(ports, "-")
		if !isRange {
			last = first
		}
		from, ok := number(first)
		to, ok2 := number(last)
		if !ok || !ok2 || to < from || protocol != "" && protocol != "tcp" && protocol != "udp" {
			c.add(c.item(servicePath(s.Name, "expose"), e, fmt.Sprintf("%q is no port", e), "write a number from 1 to 65535, a range such as 8000-8010, and /udp where it is not TCP"))
			continue
		}
		if protocol == "" {
			protocol = "tcp"
		}
		for port := from; port <= to; port++ {
			all = append(all, release.Expose{Port: port, Protocol: protocol})
		}
	}
	return all
}
