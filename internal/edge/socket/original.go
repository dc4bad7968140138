package socket

import (
	"errors"
	"net"
	"net/netip"
	"unsafe"

	"golang.org/x/sys/unix"
)

const (
	soOriginalDst   = 80 // linux/netfilter_ipv4.h
	ip6tOriginalDst = 80 // linux/netfilter_ipv6/ip6_tables.h
)

// OriginalDestination is where a connection wanted to go before iptables redirected it.
func OriginalDestination(c *net.TCPConn) (netip.AddrPort, error) {
	raw, err := c.SyscallConn()
	if err != nil {
		return netip.AddrPort{}, err
	}
	var addr netip.AddrPort
	var optErr error
	local := c.LocalAddr().(*net.TCPAddr).AddrPort().Addr().Unmap()
	ctlErr := raw.Control(func(fd uintptr) {
		if local.Is4() {
			addr, optErr = original4(int(fd))
		} else {
			addr, optErr = original6(int(fd))
		}
	})
	return addr, errors.Join(ctlErr, optErr)
}

func original4(fd int) (netip.AddrPort, error) {
	// The option's value is a sockaddr_in, 16 bytes; this call reads 16 bytes too.
	v, err := unix.GetsockoptIPv6Mreq(fd, unix.IPPROTO_IP, soOriginalDst)
	if err != nil {
		return netip.AddrPort{}, err
	}
	b := v.Multiaddr
	return netip.AddrPortFrom(netip.AddrFrom4([4]byte(b[4:8])), uint16(b[2])<<8|uint16(b[3])), nil
}

func original6(fd int) (netip.AddrPort, error) {
	v, err := unix.GetsockoptIPv6MTUInfo(fd, unix.IPPROTO_IPV6, ip6tOriginalDst)
	if err != nil {
		return netip.AddrPort{}, err
	}
	port := *(*[2]byte)(unsafe.Pointer(&v.Addr.Port)) // in network order
	return netip.AddrPortFrom(netip.AddrFrom16(v.Addr.Addr), uint16(port[0])<<8|uint16(port[1])), nil
}
