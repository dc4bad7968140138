package proxy

import (
	"context"
	"errors"
	"io"
	"net"
	"net/netip"
	"os"
	"time"
)

// silence after which a connection is taken for one that is not HTTP.
const silence = 100 * time.Millisecond

// OriginalDestination tells where a redirected connection wanted to go.
type OriginalDestination func(*net.TCPConn) (netip.AddrPort, error)

// ServeTCP accepts until the listener is closed. addr is the address by which routes know the listener.
func (p *Proxy) ServeTCP(l *net.TCPListener, addr netip.AddrPort, original OriginalDestination) {
	pause := time.Duration(0)
	for {
		conn, err := l.AcceptTCP()
		switch {
		case err == nil:
			pause = 0
			p.clients.Add(1)
			go p.serveConn(conn, addr, original)
		case errors.Is(err, net.ErrClosed) || errors.Is(err, os.ErrDeadlineExceeded):
			return
		default: // out of file descriptors, above all: others will end
			pause = min(max(2*pause, 5*time.Millisecond), time.Second)
			p.log.Printf("accept at %s: %v", addr, err)
			time.Sleep(pause)
		}
	}
}

func (p *Proxy) serveConn(conn *net.TCPConn, addr netip.AddrPort, original OriginalDestination) {
	c := &client{Conn: conn, onEnd: func() { p.clients.Add(-1) }}
	t := p.current.Load()
	c.to = destination{protocol: "tcp", listener: addr, client: peer(conn)}
	if t.redirected(addr) {
		wanted, err := original(conn)
		if err != nil || !t.virtual(wanted.Addr()) {
			c.Close() // it did not come through a virtual address
			return
		}
		c.to = destination{protocol: "tcp", client: peer(conn), virtual: wanted}
	}
	r, ok := t.lookup(c.to)
	if !ok {
		reset(c)
		return
	}
	if p.isHTTP(c, r.appProtocol) {
		p.accept.give(c)
		return
	}
	p.tunnel(c)
}

func peer(conn net.Conn) netip.Addr {
	return conn.RemoteAddr().(*net.TCPAddr).AddrPort().Addr().Unmap()
}

// isHTTP decides by what is said of the port, else by the first bytes.
func (p *Proxy) isHTTP(c *client, appProtocol string) bool {
	switch appProtocol {
	case "http", "http2", "h2c", "grpc":
		return true
	case "":
	default:
		return false
	}
	buf := make([]byte, longestPreface)
	c.SetReadDeadline(time.Now().Add(silence))
	defer c.SetReadDeadline(time.Time{})
	n := 0
	for n < len(buf) {
		m, err := c.Conn.Read(buf[n:])
		n += m
		c.prefix = buf[:n]
		if verdict := sniff(c.prefix); verdict != unsure || err != nil {
			return verdict == isHTTP
		}
	}
	return false
}

// tunnel forwards a connection as it is.
func (p *Proxy) tunnel(c *client) {
	defer c.Close()
	u, back, err := p.connect(c.to)
	if err != nil {
		reset(c)
		return
	}
	defer u.release()
	known := u.track(back)
	defer known.Close()
	front := c.Conn.(*net.TCPConn)
	if len(c.prefix) > 0 {
		if _, err := back.Write(c.prefix); err != nil {
			return
		}
	}
	done := make(chan struct{})
	go func() {
		pipe(back, front)
		close(done)
	}()
	pipe(front, back)
	<-done
}

// pipe copies one direction and passes on its end. An end that is not orderly ends both.
func pipe(to, from *net.TCPConn) {
	if _, err := io.Copy(to, from); err != nil {
		to.SetLinger(0)
		to.Close()
		from.Close()
		return
	}
	to.CloseWrite()
}

// connect finds an upstream that takes the connection.
func (p *Proxy) connect(to destination) (*upstream, *net.TCPConn, error) {
	q := quest{proxy: p, to: to}
	for {
		u, r, err := q.next(context.Background())
		if err != nil {
			return nil, nil, err
		}
		conn, err := u.dial(context.Background(), "tcp", r.port)
		if err == nil {
			return u, conn.(*net.TCPConn), nil
		}
		q.refused(u, r.port)
		u.release()
	}
}

// reset closes with RST, as a port where nobody listens does.
func reset(c *client) {
	if t, ok := c.Conn.(*net.TCPConn); ok {
		t.SetLinger(0)
	}
	c.Close()
}
