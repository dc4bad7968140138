package proxy

import (
	"bytes"
	"context"
	"errors"
	"net"
	"net/netip"
	"os"
	"slices"
	"time"
)

// silence after which a connection is taken for one that is not HTTP.
const silence = 100 * time.Millisecond

// OriginalDestination tells where a redirected connection wanted to go.
type OriginalDestination func(*net.TCPConn) (netip.AddrPort, error)

// ServeTCP accepts until the listener is closed. addr is the address by which routes know the listener.
func (p *Proxy) ServeTCP(l *net.TCPListener, addr netip.AddrPort, original OriginalDestination) {
	pause := time.Duration(0)
	port := &share{}
	for {
		conn, err := l.AcceptTCP()
		switch {
		case err == nil:
			pause = 0
			p.take(conn, port, addr, original)
		case errors.Is(err, net.ErrClosed) || errors.Is(err, os.ErrDeadlineExceeded):
			return
		default: // out of file descriptors, above all: others will end
			pause = min(max(2*pause, 5*time.Millisecond), time.Second)
			p.log.Printf("accept at %s: %v", addr, err)
			time.Sleep(pause)
		}
	}
}

// take serves a connection, unless too many are open, of this port or of all.
func (p *Proxy) take(conn *net.TCPConn, port *share, addr netip.AddrPort, original OriginalDestination) {
	if !p.budget.take(port) {
		conn.SetLinger(0)
		conn.Close()
		return
	}
	p.clients.Add(1)
	c := &client{Conn: conn, port: port, onEnd: func() {
		p.clients.Add(-1)
		p.budget.give(port)
	}}
	go p.serveConn(c, conn, addr, original)
}

func (p *Proxy) serveConn(c *client, conn *net.TCPConn, addr netip.AddrPort, original OriginalDestination) {
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
	switch p.judge(c, r.appProtocol) {
	case isHTTP:
		p.serveHTTP(c)
	case notHTTP:
		p.tunnel(c)
	case unsure:
		p.settle(c)
	}
}

func peer(conn net.Conn) netip.Addr {
	return conn.RemoteAddr().(*net.TCPAddr).AddrPort().Addr().Unmap()
}

// judge decides by what is said of the port, else by the first bytes. It is unsure of a client that says nothing.
func (p *Proxy) judge(c *client, appProtocol string) verdict {
	switch appProtocol {
	case "http", "http2", "h2c", "grpc":
		return isHTTP
	case "":
		return p.listen(c, make([]byte, 0, firstBytes))
	}
	return notHTTP
}

// listen reads on until it knows, or the client is silent. heard is what it has said before.
func (p *Proxy) listen(c *client, heard []byte) verdict {
	c.SetReadDeadline(time.Now().Add(silence))
	defer c.SetReadDeadline(time.Time{})
	for {
		c.prefix = heard
		if len(heard) > 0 {
			if v := sniff(heard); v != unsure {
				return v
			}
			if isForeign(heard) {
				return notHTTP // probably; its first line will be overheard
			}
		}
		heard = slices.Grow(heard, 1)
		n, err := c.Conn.Read(heard[len(heard):cap(heard)])
		heard = heard[:len(heard)+n]
		switch {
		case n > 0:
		case err != nil && len(heard) == 0 && errors.Is(err, os.ErrDeadlineExceeded):
			return unsure
		case err != nil:
			return ifTrue(seemsHTTP(heard))
		}
	}
}

// tunnel forwards a connection as it is.
func (p *Proxy) tunnel(c *client) {
	defer c.Close()
	l, err := p.connect(c.to)
	if err != nil {
		reset(c)
		return
	}
	defer l.end()
	l.join(c, nil)
}

// link is a connection to an upstream that counts as in flight.
type link struct {
	upstream *upstream
	back     *net.TCPConn
	known    *tracked
}

func (l *link) end() {
	l.known.Close()
	l.upstream.release()
}

// join forwards both directions until both have ended. greeting is what the upstream has said already.
func (l *link) join(c *client, greeting []byte) {
	front := c.Conn.(*net.TCPConn)
	if _, err := l.back.Write(c.prefix); err != nil {
		return
	}
	if _, err := front.Write(greeting); err != nil {
		return
	}
	half := len(greeting) == 0 && len(c.prefix) > 0 && sniff(c.prefix) == unsure
	done := make(chan struct{})
	go func() {
		defer close(done)
		if half && overhear(l.back, front, c.prefix) == isHTTP {
			l.back.Close()
			reset(c)
			return
		}
		pipe(l.back, front)
	}()
	pipe(front, l.back)
	// A replica that only ended its side and one that is gone look the same. What the client still has to say is passed on,
	// but a client that never ends must not keep the connection for ever.
	front.SetReadDeadline(time.Now().Add(halfOpen))
	<-done
}

// overhear passes on the rest of a first line of which only a part was heard in time, until it is known. A client that pauses
// within the line of a request must not get it to the replica unseen: the end of that line is not passed on.
func overhear(to, from *net.TCPConn, heard []byte) verdict {
	heard = slices.Clone(heard)
	buf := make([]byte, longestLine)
	for {
		n, err := from.Read(buf)
		heard = append(heard, buf[:n]...)
		v := unsure
		if bytes.ContainsAny(buf[:n], "\r\n") || len(heard) > longestLine {
			v = sniff(heard)
		}
		if v == isHTTP {
			return v
		}
		if _, writeErr := to.Write(buf[:n]); err != nil || writeErr != nil || v == notHTTP {
			return notHTTP // piping meets the error again
		}
	}
}

// halfOpen is how long a connection may stay open after its upstream has ended.
const halfOpen = 30 * time.Second

// pipe copies one direction and passes on its end. An end that is not orderly ends both.
func pipe(to, from *net.TCPConn) {
	if err := carry(to, from); err != nil {
		to.SetLinger(0)
		to.Close()
		from.Close()
		return
	}
	to.CloseWrite()
}

// connect finds an upstream that takes the connection.
func (p *Proxy) connect(to destination) (*link, error) {
	q := quest{proxy: p, to: to}
	for {
		u, r, err := q.next(context.Background())
		if err != nil {
			return nil, err
		}
		conn, err := u.dial(context.Background(), "tcp", r.port)
		if err == nil {
			return &link{u, conn.Conn.(*net.TCPConn), conn}, nil
		}
		u.release()
		if !isDialError(err) {
			return nil, err
		}
		q.refused(u, r.port)
	}
}

// reset closes with RST, as a port where nobody listens does.
func reset(c *client) {
	if t, ok := c.Conn.(*net.TCPConn); ok {
		t.SetLinger(0)
	}
	c.Close()
}
