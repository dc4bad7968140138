package network

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// ensureBridge makes bridge, address and the route that makes stable addresses local.
func ensureBridge(n Network) error {
	link, err := netlink.LinkByName(n.Bridge)
	if _, missing := errors.AsType[netlink.LinkNotFoundError](err); missing {
		link, err = addBridge(n.Bridge, n.Gateway)
	}
	if err != nil {
		return fmt.Errorf("bridge %s: %w", n.Bridge, err)
	}
	if link.Attrs().Flags&net.FlagUp != 0 {
		return nil // it is brought up last
	}
	addr := &netlink.Addr{IPNet: ipNet(netip.PrefixFrom(n.Gateway, n.Subnet.Bits()))}
	if err := netlink.AddrReplace(link, addr); err != nil {
		return fmt.Errorf("address of bridge %s: %w", n.Bridge, err)
	}
	if err := netlink.LinkSetUp(link); err != nil {
		return fmt.Errorf("start bridge %s: %w", n.Bridge, err)
	}
	route := &netlink.Route{
		Table: unix.RT_TABLE_LOCAL, Type: unix.RTN_LOCAL, Scope: netlink.SCOPE_HOST,
		LinkIndex: link.Attrs().Index, Dst: ipNet(n.VIPs),
	}
	if err := netlink.RouteReplace(route); err != nil {
		return fmt.Errorf("route to %s: %w", n.VIPs, err)
	}
	return os.WriteFile("/proc/sys/net/ipv4/ip_forward", []byte("1"), 0o644)
}

// addBridge gives the bridge an address of its own: otherwise it would take that of whichever port comes and goes.
func addBridge(name string, gateway netip.Addr) (netlink.Link, error) {
	attrs := netlink.NewLinkAttrs()
	attrs.Name, attrs.HardwareAddr, attrs.MTU = name, hardwareAddress(gateway), uplinkMTU()
	if err := netlink.LinkAdd(&netlink.Bridge{LinkAttrs: attrs}); err != nil && !errors.Is(err, unix.EEXIST) {
		return nil, err
	}
	return netlink.LinkByName(name)
}

// uplinkMTU is that of the interface with the default route: what leaves a replica should fit it.
func uplinkMTU() int {
	const ethernet = 1500
	routes, err := whole(func() ([]netlink.Route, error) { return netlink.RouteList(nil, netlink.FAMILY_V4) })
	if err != nil {
		return ethernet
	}
	for _, r := range routes {
		if r.Dst != nil && !r.Dst.IP.IsUnspecified() {
			continue
		}
		if link, err := netlink.LinkByIndex(r.LinkIndex); err == nil {
			return min(link.Attrs().MTU, ethernet)
		}
	}
	return ethernet
}

func removeLink(name string) error {
	link, err := netlink.LinkByName(name)
	if _, missing := errors.AsType[netlink.LinkNotFoundError](err); missing {
		return nil
	}
	if err != nil {
		return err
	}
	if err := netlink.LinkDel(link); err != nil && !errors.Is(err, unix.ENODEV) { // it went with its namespace meanwhile
		return err
	}
	return nil
}

// whole lists once more while what is listed changes under the kernel's hands: other engines come and go on this machine.
func whole[T any](list func() ([]T, error)) ([]T, error) {
	const attempts = 100
	for range attempts {
		all, err := list()
		if !errors.Is(err, netlink.ErrDumpInterrupted) {
			return all, err
		}
	}
	return list()
}

func ipNet(p netip.Prefix) *net.IPNet {
	return &net.IPNet{IP: p.Addr().AsSlice(), Mask: net.CIDRMask(p.Bits(), 32)}
}
