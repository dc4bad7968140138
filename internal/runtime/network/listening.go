package network

import (
	"encoding/binary"
	"fmt"
	"slices"

	"github.com/vishvananda/netlink/nl"
	"github.com/vishvananda/netns"
	"golang.org/x/sys/unix"
)

// Listening reports whether anybody in owner's namespace listens on one of the TCP ports. It asks the kernel for listening
// sockets alone: /proc/net/tcp goes through the connections of the whole machine to find none, for milliseconds.
func (m *Manager) Listening(owner string, ports []int) (bool, error) {
	ns, err := netns.GetFromPath(m.namespacePath(owner))
	if err != nil {
		return false, fmt.Errorf("look into %s: %w", owner, err)
	}
	defer ns.Close()
	socket, err := nl.GetNetlinkSocketAt(ns, netns.None(), unix.NETLINK_INET_DIAG)
	if err != nil {
		return false, fmt.Errorf("look into %s: %w", owner, err)
	}
	defer socket.Close()
	for _, family := range []uint8{unix.AF_INET6, unix.AF_INET} { // what listens on all addresses does so as IPv6
		found, err := listening(socket, family)
		if err != nil {
			return false, fmt.Errorf("list listening sockets of %s: %w", owner, err)
		}
		if slices.ContainsFunc(ports, func(p int) bool { return slices.Contains(found, p) }) {
			return true, nil
		}
	}
	return false, nil
}

func listening(socket *nl.NetlinkSocket, family uint8) (ports []int, err error) {
	req := nl.NewNetlinkRequest(nl.SOCK_DIAG_BY_FAMILY, unix.NLM_F_DUMP)
	req.Sockets = map[int]*nl.SocketHandle{unix.NETLINK_INET_DIAG: {Socket: socket}}
	req.AddData(diagRequest(family))
	messages, err := req.Execute(unix.NETLINK_INET_DIAG, 0)
	if err != nil {
		return nil, err
	}
	for _, m := range messages {
		if len(m) >= 6 { // struct inet_diag_msg: four bytes, then the port
			ports = append(ports, int(binary.BigEndian.Uint16(m[4:6])))
		}
	}
	return ports, nil
}

// diagRequest is a struct inet_diag_req_v2 of linux/inet_diag.h for listening TCP sockets of an address family.
type diagRequest uint8

// Len is its length in bytes.
func (diagRequest) Len() int { return 56 }

// Serialize writes it as the kernel reads it.
func (r diagRequest) Serialize() []byte {
	const tcpListen = 10 // TCP_LISTEN of linux/tcp_states.h
	b := make([]byte, r.Len())
	b[0], b[1] = uint8(r), unix.IPPROTO_TCP
	binary.NativeEndian.PutUint32(b[4:8], 1<<tcpListen)
	return b
}
