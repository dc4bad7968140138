package machine

import (
	"net/netip"

	"github.com/seaworthyhq/seaworthy/internal/edge"
	"github.com/seaworthyhq/seaworthy/internal/release"
)

// vipTable has the address of each service in each network. An address, once given, stays: its table is read back from
// the routes that the edge keeps.
type vipTable struct {
	given map[string]netip.Addr // by environment, network and service
}

func newVIPTable(kept edge.Routes) *vipTable {
	t := &vipTable{given: map[string]netip.Addr{}}
	for _, v := range kept.Views {
		for _, target := range v.Services {
			for _, n := range kept.Networks {
				if n.VIPs.Contains(target.VIP) && len(target.Names) > 0 {
					t.given[n.ID+"/"+target.Names[0]] = target.VIP
				}
			}
		}
	}
	return t
}

// of is the address of a service for askers of a network. It is false when the network has no address left.
func (t *vipTable) of(env release.Environment, n network, service string) (netip.Addr, bool) {
	key := env.String() + "/" + n.Name + "/" + service
	if addr, ok := t.given[key]; ok && n.VIPs.Contains(addr) {
		return addr, true
	}
	taken := map[netip.Addr]bool{}
	for _, addr := range t.given {
		taken[addr] = true
	}
	for addr := n.VIPs.Addr().Next(); n.VIPs.Contains(addr); addr = addr.Next() {
		if !taken[addr] {
			t.given[key] = addr
			return addr, true
		}
	}
	return netip.Addr{}, false
}
