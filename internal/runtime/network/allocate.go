package network

import (
	"errors"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"github.com/seaworthyhq/seaworthy/internal/release"
)

// hostLock keeps two engines on one machine from choosing the same range at the same time.
const hostLock = "/run/seaworthy/network.lock"

// allocate gives the network its ranges, keeping those that it had, and makes its bridge, so that no other engine takes them.
func (m *Manager) allocate(env release.Environment, want release.Network, had Network) (Network, error) {
	unlock, err := lockHost()
	if err != nil {
		return Network{}, err
	}
	defer unlock()
	n := Network{
		Environment: env, Name: want.Name, Internal: want.Internal,
		Bridge: m.bridgeName(env, want.Name), RedirectPort: m.cfg.RedirectPort,
		Subnet: had.Subnet, VIPs: had.VIPs,
	}
	if !n.Subnet.IsValid() {
		taken, err := m.takenRanges()
		if err != nil {
			return Network{}, err
		}
		if n.Subnet, err = firstFree(m.cfg.Subnets, taken); err != nil {
			return Network{}, fmt.Errorf("subnet: %w", err)
		}
		if n.VIPs, err = firstFree(m.cfg.VIPs, append(taken, n.Subnet)); err != nil {
			return Network{}, fmt.Errorf("stable addresses: %w", err)
		}
	}
	n.Gateway = n.Subnet.Addr().Next()
	return n, ensureBridge(n)
}

// takenRanges are those of networks on record, whether or not they are up, and all that this machine has a route to.
func (m *Manager) takenRanges() ([]netip.Prefix, error) {
	var taken []netip.Prefix
	for _, n := range m.List() {
		taken = append(taken, n.Subnet, n.VIPs)
	}
	routes, err := whole(func() ([]netlink.Route, error) {
		return netlink.RouteListFiltered(netlink.FAMILY_V4, &netlink.Route{Table: unix.RT_TABLE_UNSPEC}, netlink.RT_FILTER_TABLE)
	})
	if err != nil {
		return nil, fmt.Errorf("list routes: %w", err)
	}
	for _, r := range routes {
		if r.Dst == nil {
			continue
		}
		addr, ok := netip.AddrFromSlice(r.Dst.IP.To4())
		if ones, _ := r.Dst.Mask.Size(); ok && ones > 0 {
			taken = append(taken, netip.PrefixFrom(addr, ones))
		}
	}
	return taken, nil
}

var errPoolUsedUp = errors.New("the pool is used up or routed elsewhere; choose another in the engine's settings")

// firstFree is the first range in pool that overlaps nothing that is taken.
func firstFree(pool netip.Prefix, taken []netip.Prefix) (netip.Prefix, error) {
	for p := netip.PrefixFrom(pool.Masked().Addr(), bits); pool.Contains(p.Addr()); p = following(p) {
		free := true
		for _, t := range taken {
			free = free && !p.Overlaps(t)
		}
		if free {
			return p, nil
		}
	}
	return netip.Prefix{}, fmt.Errorf("%s: %w", pool, errPoolUsedUp)
}

// following is the prefix of the same length after p.
func following(p netip.Prefix) netip.Prefix {
	b := p.Addr().As4()
	v := uint32(b[0])<<24 | uint32(b[1])<<16 | uint32(b[2])<<8 | uint32(b[3])
	v += 1 << (32 - p.Bits())
	return netip.PrefixFrom(netip.AddrFrom4([4]byte{byte(v >> 24), byte(v >> 16), byte(v >> 8), byte(v)}), p.Bits())
}

func lockHost() (unlock func(), err error) {
	if err := os.MkdirAll(filepath.Dir(hostLock), 0o711); err != nil {
		return nil, err
	}
	f, err := os.OpenFile(hostLock, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX); err != nil {
		return nil, errors.Join(fmt.Errorf("lock %s: %w", hostLock, err), f.Close())
	}
	return func() { _ = f.Close() }, nil
}

// Reserve gives owner a free address of the network.
func (m *Manager) Reserve(n Network, owner string) (netip.Addr, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	first, last := n.Gateway.Next(), lastHost(n.Subnet)
	start, ok := m.next[n.Bridge]
	if !ok || !n.Subnet.Contains(start) {
		start = first
	}
	// Addresses are handed out in turn, so that one given up rests before it is used again.
	for ip, wrapped := start, false; ; ip = ip.Next() {
		if last.Less(ip) {
			ip, wrapped = first, true
		}
		if _, taken := m.owners[ip]; !taken {
			m.owners[ip], m.next[n.Bridge] = owner, ip.Next()
			return ip, nil
		}
		if wrapped && ip == start || start == first && ip == last {
			return netip.Addr{}, fmt.Errorf("network %s of %s has no free address in %s", n.Name, n.Environment, n.Subnet)
		}
	}
}

// Claim records that owner has that address already.
func (m *Manager) Claim(ip netip.Addr, owner string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.owners[ip] = owner
}

// Release gives up all addresses of owner.
func (m *Manager) Release(owner string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for ip, o := range m.owners {
		if o == owner {
			delete(m.owners, ip)
		}
	}
}

// lastHost is the last address before the broadcast address.
func lastHost(p netip.Prefix) netip.Addr { return following(p).Addr().Prev().Prev() }
