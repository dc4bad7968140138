// Package socket opens the edge's listening sockets, names them, and passes them between processes.
package socket

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/seaworthyhq/seaworthy/internal/edge"
	"github.com/seaworthyhq/seaworthy/internal/release"
)

// Purpose of a socket.
type Purpose string

// The purposes. Published and virtual sockets take traffic, names those of the DNS.
const (
	Published Purpose = "published"
	Virtual   Purpose = "virtual"
	Names     Purpose = "names"
)

// Key names a socket.
type Key struct {
	Protocol string         `json:"protocol"` // edge.TCP or edge.UDP
	Addr     netip.AddrPort `json:"addr"`
	Purpose  Purpose        `json:"purpose"`
}

func (k Key) String() string { return k.Addr.String() + "/" + k.Protocol }

// Wanted are the sockets that routes need.
func Wanted(r edge.Routes) []Key {
	var keys []Key
	for _, l := range r.Listeners {
		keys = append(keys, Key{l.Protocol, l.Addr, Published})
	}
	for _, n := range r.Networks {
		keys = append(keys,
			Key{edge.TCP, n.Redirect(), Virtual},
			Key{edge.TCP, n.Names(), Names},
			Key{edge.UDP, n.Names(), Names})
	}
	for _, addr := range r.VirtualUDP() {
		keys = append(keys, Key{edge.UDP, addr, Virtual})
	}
	return keys
}

// Socket listens. One of TCP and UDP is set, by the protocol.
type Socket struct {
	Key
	TCP *net.TCPListener
	UDP *net.UDPConn
}

// Open binds and listens. A port that is taken is a conflict that names the address and, where it can be told, who has it.
func Open(k Key) (*Socket, error) { return open(k, false) }

// OpenBeside is Open for a key that overlaps with sockets of ours (0.0.0.0:80 with 127.0.0.1:80, [::]:53 with 10.83.0.1:53). The
// kernel allows it if all of them share their port. Afterwards they do not: nobody else is to take part.
func OpenBeside(k Key, ours []*Socket) (*Socket, error) {
	var beside []*Socket
	for _, s := range ours {
		if s.Protocol == k.Protocol && s.Addr.Port() == k.Addr.Port() {
			beside = append(beside, s)
		}
	}
	if err := sharePort(beside, true); err != nil {
		return nil, err
	}
	made, err := open(k, true)
	if err != nil {
		return nil, errors.Join(err, sharePort(beside, false))
	}
	if err := sharePort(append(beside, made), false); err != nil {
		made.Close()
		return nil, err
	}
	return made, nil
}

func open(k Key, share bool) (*Socket, error) {
	s := &Socket{Key: k}
	lc := net.ListenConfig{Control: func(_, _ string, c syscall.RawConn) error { return k.prepare(c, share) }}
	var err error
	if k.Protocol == edge.UDP {
		var conn net.PacketConn
		if conn, err = lc.ListenPacket(context.Background(), k.network(), k.Addr.String()); err == nil {
			s.UDP = conn.(*net.UDPConn)
		}
	} else {
		var l net.Listener
		if l, err = lc.Listen(context.Background(), k.network(), k.Addr.String()); err == nil {
			s.TCP = l.(*net.TCPListener)
		}
	}
	if err != nil {
		return nil, k.explain(err)
	}
	return s, nil
}

// network keeps 0.0.0.0 to IPv4; [::] takes both families.
func (k Key) network() string {
	if k.Addr.Addr().Is4() {
		return k.Protocol + "4"
	}
	return k.Protocol
}

func (k Key) prepare(c syscall.RawConn, share bool) error {
	var err error
	ctlErr := c.Control(func(fd uintptr) {
		if share {
			err = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_REUSEPORT, 1)
		}
		// Addresses of bridges may appear later than we do, after the machine has started again.
		if err == nil && k.Purpose != Published && k.Addr.Addr().Is4() {
			err = unix.SetsockoptInt(int(fd), unix.IPPROTO_IP, unix.IP_FREEBIND, 1)
		}
	})
	return errors.Join(ctlErr, err)
}

func sharePort(all []*Socket, share bool) error {
	var errs []error
	for _, s := range all {
		errs = append(errs, s.sharePort(share))
	}
	return errors.Join(errs...)
}

func (s *Socket) sharePort(share bool) error {
	value := 0
	if share {
		value = 1
	}
	var err error
	ctlErr := s.raw(func(fd uintptr) { err = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_REUSEPORT, value) })
	return errors.Join(ctlErr, err)
}

func (s *Socket) raw(f func(fd uintptr)) error {
	var c syscall.Conn = s.UDP
	if s.TCP != nil {
		c = s.TCP
	}
	rc, err := c.SyscallConn()
	if err != nil {
		return err
	}
	return rc.Control(f)
}

func (k Key) explain(err error) error {
	err = fmt.Errorf("listen at %s: %w", k, err)
	switch {
	case errors.Is(err, unix.EADDRINUSE):
		who := Holder(k.Protocol, k.Addr)
		if who != "" {
			err = fmt.Errorf("%w: %s has it", err, who)
		}
		return &release.UserError{
			Kind: release.KindConflict, Err: err,
			Hint: fmt.Sprintf("stop what listens at port %d (ss -lnp 'sport = :%d'), or publish another port", k.Addr.Port(), k.Addr.Port()),
		}
	case errors.Is(err, unix.EADDRNOTAVAIL):
		return &release.UserError{
			Kind: release.KindConflict, Err: err,
			Hint: "publish at an address that this machine has (ip address)",
		}
	case errors.Is(err, unix.EACCES):
		return &release.UserError{Kind: release.KindDenied, Err: err, Hint: "run the engine as root"}
	}
	return err
}

// File is a duplicate of the socket's descriptor.
func (s *Socket) File() (*os.File, error) {
	if s.TCP != nil {
		return s.TCP.File()
	}
	return s.UDP.File()
}

// FromFile is the socket that a descriptor stands for. The caller closes the file.
func FromFile(k Key, f *os.File) (*Socket, error) {
	s := &Socket{Key: k}
	if k.Protocol == edge.UDP {
		conn, err := net.FilePacketConn(f)
		if err != nil {
			return nil, fmt.Errorf("take over socket %s: %w", k, err)
		}
		s.UDP = conn.(*net.UDPConn)
		return s, nil
	}
	l, err := net.FileListener(f)
	if err != nil {
		return nil, fmt.Errorf("take over socket %s: %w", k, err)
	}
	s.TCP = l.(*net.TCPListener)
	return s, nil
}

// Closer is the listener or connection.
func (s *Socket) Closer() io.Closer {
	if s.TCP != nil {
		return s.TCP
	}
	return s.UDP
}

// Close ends listening.
func (s *Socket) Close() error { return s.Closer().Close() }
