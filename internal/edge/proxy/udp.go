package proxy

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"os"
	"sync"
	"time"
)

// flowIdle ends a flow in which nobody said anything for so long. A flow whose upstream left its pool and that got no
// answer within flowStale moves to another upstream: statistics sent to nobody have no end of their own.
const (
	flowIdle  = 30 * time.Second
	flowStale = 5 * time.Second
)

// shareOfFlows is what part of the connections may be flows of one socket: who invents addresses must not take all of them.
const shareOfFlows = 4

// flow is what one client address sends to one UDP port, and the answers.
type flow struct {
	upstream *upstream
	back     *tracked
	answered time.Time
}

// flows of one UDP socket.
type flows struct {
	proxy  *Proxy
	socket *net.UDPConn
	addr   netip.AddrPort

	mu       sync.Mutex // guards byClient, and answered of each
	byClient map[netip.AddrPort]*flow
}

// ServeUDP forwards datagrams until reading from the socket ends, then waits for the flows to end: their answers go out
// through the socket.
func (p *Proxy) ServeUDP(socket *net.UDPConn, addr netip.AddrPort) {
	fs := &flows{proxy: p, socket: socket, addr: addr, byClient: map[netip.AddrPort]*flow{}}
	var answering sync.WaitGroup
	defer answering.Wait()
	buf := make([]byte, 64<<10)
	for {
		n, from, err := socket.ReadFromUDPAddrPort(buf)
		if errors.Is(err, net.ErrClosed) || errors.Is(err, os.ErrDeadlineExceeded) {
			return
		}
		if err != nil { // an ICMP error about an answer, say
			continue
		}
		if f := fs.of(from, &answering); f != nil {
			f.back.SetReadDeadline(time.Now().Add(flowIdle))
			f.back.Write(buf[:n]) //nolint:errcheck // datagrams get lost
		}
	}
}

// of is the flow of a client, a new one if need be; nil when there is nobody to forward to.
func (fs *flows) of(from netip.AddrPort, answering *sync.WaitGroup) *flow {
	fs.mu.Lock()
	f, known := fs.byClient[from], int64(len(fs.byClient))
	stale := f != nil && f.upstream.retired.Load() && time.Since(f.answered) > flowStale
	fs.mu.Unlock()
	if f != nil && !stale {
		return f
	}
	if stale {
		f.back.Close()
	}
	if known >= fs.proxy.budget.size/shareOfFlows {
		return nil
	}
	f = fs.open(from)
	if f == nil {
		return nil
	}
	fs.mu.Lock()
	fs.byClient[from] = f
	fs.mu.Unlock()
	fs.proxy.clients.Add(1)
	answering.Go(func() { fs.answer(f, from) })
	return f
}

func (fs *flows) open(from netip.AddrPort) *flow {
	to := destination{protocol: "udp", listener: fs.addr, client: from.Addr().Unmap()}
	if fs.proxy.current.Load().virtual(fs.addr.Addr()) {
		to = destination{protocol: "udp", client: to.client, virtual: fs.addr}
	}
	// A datagram is not held: it would be late for whoever sent it.
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	q := quest{proxy: fs.proxy, to: to}
	u, r, err := q.next(ctx)
	if err != nil {
		return nil
	}
	conn, err := u.dial(context.Background(), "udp", r.port)
	if err != nil {
		u.release()
		return nil
	}
	return &flow{upstream: u, back: conn}
}

// answer passes answers on until the flow ends.
func (fs *flows) answer(f *flow, from netip.AddrPort) {
	defer fs.end(f, from)
	buf := make([]byte, 64<<10)
	for {
		n, err := f.back.Read(buf)
		if errors.Is(err, net.ErrClosed) || errors.Is(err, os.ErrDeadlineExceeded) {
			return
		}
		if err != nil { // refused: the replica does not listen (yet)
			return
		}
		f.back.SetReadDeadline(time.Now().Add(flowIdle))
		fs.mu.Lock()
		f.answered = time.Now()
		fs.mu.Unlock()
		fs.socket.WriteToUDPAddrPort(buf[:n], from) //nolint:errcheck // datagrams get lost
	}
}

func (fs *flows) end(f *flow, from netip.AddrPort) {
	fs.mu.Lock()
	if fs.byClient[from] == f {
		delete(fs.byClient, from)
	}
	fs.mu.Unlock()
	f.back.Close()
	f.upstream.release()
	fs.proxy.clients.Add(-1)
}
