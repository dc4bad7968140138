// Package proxy forwards: HTTP by request, other connections by connection, datagrams by flow, to the least busy upstream
// of the pool that the current table names. It owns what is in flight, and knows no files, processes or sockets but those
// it is given.
package proxy

import (
	"context"
	"log"
	"net/http"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"github.com/seaworthyhq/seaworthy/internal/edge"
)

// Proxy forwards by the Routes that were applied last.
type Proxy struct {
	current atomic.Pointer[table]
	retired atomic.Bool
	clients atomic.Int64 // open client connections and UDP flows
	limits  limits
	front   *http.Server
	accept  *handedOver
	budget  *budget
	silent  silentClients
	log     *log.Logger

	mu        sync.Mutex // guards upstreams and the order of Apply
	upstreams map[edge.Upstream]*upstream
}

// New makes a proxy without routes. It serves HTTP until Close.
func New(logger *log.Logger) *Proxy { return newProxy(logger, usual) }

func newProxy(logger *log.Logger, l limits) *Proxy {
	p := &Proxy{log: logger, limits: l, upstreams: map[edge.Upstream]*upstream{}, accept: newHandedOver()}
	p.current.Store(newTable(edge.Routes{}, nil))
	p.front = newFront(p, logger)
	p.budget = newBudget(p.closeIdleClients, logger)
	go p.front.Serve(p.accept) //nolint:errcheck // it ends with ErrServerClosed
	return p
}

// closeIdleClients ends connections on which nobody has said anything yet, HTTP/1.1 connections between two requests, and those
// that have not got to the end of their first one's head for five seconds.
func (p *Proxy) closeIdleClients() {
	p.silent.close(patience)
	p.front.SetKeepAlivesEnabled(false)
	p.front.SetKeepAlivesEnabled(true)
}

// Close ends everything at once.
func (p *Proxy) Close() {
	p.front.Close()
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, u := range p.upstreams {
		u.closeNow()
	}
}

// Apply replaces the routes, for everybody at once. The routes must be valid.
func (p *Proxy) Apply(r edge.Routes) {
	p.mu.Lock()
	defer p.mu.Unlock()
	wanted := map[*upstream]bool{}
	next := newTable(r, func(u edge.Upstream) *upstream {
		up, ok := p.upstreams[u]
		if !ok {
			up = newUpstream(u, p.budget)
			p.upstreams[u] = up
		}
		up.retired.Store(false)
		up.refusals.Store(nil)
		wanted[up] = true
		return up
	})
	previous := p.current.Swap(next)
	close(previous.replaced)
	p.retireOthers(wanted)
}

// retireOthers forgets upstreams that are in no pool, once nothing is in flight to them.
func (p *Proxy) retireOthers(wanted map[*upstream]bool) {
	for key, u := range p.upstreams {
		if wanted[u] {
			continue
		}
		u.retired.Store(true)
		if u.inFlight.Load() == 0 {
			u.closeIdle()
			delete(p.upstreams, key)
		}
	}
}

// Retire makes clients leave: HTTP connections end after their next response. What they ask for is served all the same.
func (p *Proxy) Retire() { p.retired.Store(true) }

// Clients counts open client connections and UDP flows.
func (p *Proxy) Clients() int64 { return p.clients.Load() }

// Resolve is the virtual address that a client sees under a name, when it asks the DNS of a network.
func (p *Proxy) Resolve(asked netip.AddrPort, client netip.Addr, name string) (netip.Addr, bool) {
	t := p.current.Load()
	for _, n := range t.networks {
		if n.Names() != asked {
			continue
		}
		if v := t.viewFor(client, n.DefaultView); v != nil {
			vip, ok := v.byName[name]
			return vip, ok
		}
	}
	return netip.Addr{}, false
}

// named are the upstreams of that ID or address.
func (p *Proxy) named(name string) []*upstream {
	p.mu.Lock()
	defer p.mu.Unlock()
	var all []*upstream
	for key, u := range p.upstreams {
		if key.Is(name) {
			all = append(all, u)
		}
	}
	return all
}

// Drain returns when nothing is in flight to the upstream, named by ID or address, or when ctx ends; then with what is left.
// It takes the upstream out of no pool: apply routes without it first.
func (p *Proxy) Drain(ctx context.Context, name string) (left int64) {
	for _, u := range p.named(name) {
		select {
		case <-u.whenQuiet():
		case <-ctx.Done():
		}
		if n := u.inFlight.Load(); n > 0 {
			left += n
			continue
		}
		u.closeIdle()
	}
	return left
}

// CloseNow ends all that is in flight to the upstream and says how much that was.
func (p *Proxy) CloseNow(name string) (ended int64) {
	for _, u := range p.named(name) {
		ended += u.closeNow()
	}
	return ended
}

// Status of pools, and of upstreams that are in none but still have work.
func (p *Proxy) Status() (pools []edge.PoolStatus, draining []edge.UpstreamStatus) {
	t := p.current.Load()
	inPool := map[*upstream]bool{}
	for id, pl := range t.pools {
		_, holding := pl.holdUntil(time.Now())
		s := edge.PoolStatus{ID: id, Holding: holding, Waiting: pl.waiting.Load(), Upstreams: []edge.UpstreamStatus{}}
		for _, u := range pl.members {
			inPool[u] = true
			s.Upstreams = append(s.Upstreams, u.status())
		}
		pools = append(pools, s)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, u := range p.upstreams {
		if !inPool[u] && u.inFlight.Load() > 0 {
			draining = append(draining, u.status())
		}
	}
	return pools, draining
}
