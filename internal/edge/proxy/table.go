package proxy

import (
	"net/netip"
	"slices"
	"sync/atomic"
	"time"

	"github.com/seaworthyhq/seaworthy/internal/edge"
)

// table is Routes made ready for looking up. It never changes; another one replaces it.
type table struct {
	pools     map[string]*pool
	listeners map[listenKey]edge.Listener
	networks  []edge.Network
	trusted   []netip.Prefix
	viewOf    map[netip.Addr]*view
	views     map[string]*view
	replaced  chan struct{} // closed when this is no longer the current table
}

type listenKey struct {
	protocol string
	addr     netip.AddrPort
}

type view struct {
	byVIP  map[netip.Addr]*edge.Target
	byName map[string]netip.Addr
}

type pool struct {
	id      string
	members []*upstream
	hold    *edge.Hold
	next    atomic.Uint32
	waiting *atomic.Int64
}

func newTable(r edge.Routes, member func(edge.Upstream) *upstream) *table {
	t := &table{
		pools:     make(map[string]*pool, len(r.Pools)),
		listeners: make(map[listenKey]edge.Listener, len(r.Listeners)),
		networks:  r.Networks,
		trusted:   r.TrustedProxies,
		viewOf:    map[netip.Addr]*view{},
		views:     make(map[string]*view, len(r.Views)),
		replaced:  make(chan struct{}),
	}
	for _, p := range r.Pools {
		made := &pool{id: p.ID, hold: p.Hold, waiting: new(atomic.Int64)}
		for _, u := range p.Upstreams {
			made.members = append(made.members, member(u))
		}
		t.pools[p.ID] = made
	}
	for _, l := range r.Listeners {
		t.listeners[listenKey{l.Protocol, l.Addr}] = l
	}
	for _, v := range r.Views {
		t.addView(v)
	}
	return t
}

func (t *table) addView(v edge.View) {
	made := &view{byVIP: map[netip.Addr]*edge.Target{}, byName: map[string]netip.Addr{}}
	for i := range v.Services {
		target := &v.Services[i]
		made.byVIP[target.VIP] = target
		for _, name := range target.Names {
			made.byName[edge.CanonicalName(name)] = target.VIP
		}
	}
	t.views[v.ID] = made
	for _, c := range v.Clients {
		t.viewOf[c] = made
	}
}

// viewFor is what a client of the network sees; nil: nothing.
func (t *table) viewFor(client netip.Addr, defaultView string) *view {
	if v := t.viewOf[client]; v != nil {
		return v
	}
	return t.views[defaultView]
}

// destination says where a connection wants to go. Which pool that is, the table of the moment decides.
type destination struct {
	protocol string
	listener netip.AddrPort // as published; zero for a virtual address
	client   netip.Addr
	virtual  netip.AddrPort
}

// inside reports whether the connection comes from a replica and not from the world.
func (d destination) inside() bool { return d.virtual.IsValid() }

// trusts reports whether the client is believed when it says for whom it asks: a replica, to which we stand for the plain
// network, or a proxy that is said to be trusted.
func (t *table) trusts(d destination) bool {
	client := d.client.WithZone("")
	return d.inside() || slices.ContainsFunc(t.trusted, func(p netip.Prefix) bool { return p.Contains(client) })
}

// route is where a destination leads in one table.
type route struct {
	pool        *pool
	port        int
	appProtocol string
}

func (t *table) lookup(d destination) (route, bool) {
	if !d.inside() {
		l, ok := t.listeners[listenKey{d.protocol, d.listener}]
		return route{t.pools[l.Pool], l.Port, l.AppProtocol}, ok
	}
	v := t.viewFor(d.client, t.defaultView(d.virtual.Addr()))
	if v == nil {
		return route{}, false
	}
	target, ok := v.byVIP[d.virtual.Addr()]
	if !ok {
		return route{}, false
	}
	port := int(d.virtual.Port())
	return route{t.pools[target.Pool], port, target.AppProtocols[port]}, true
}

func (t *table) defaultView(vip netip.Addr) string {
	for _, n := range t.networks {
		if n.VIPs.Contains(vip) {
			return n.DefaultView
		}
	}
	return ""
}

// redirected reports whether connections at addr have an original destination to ask for.
func (t *table) redirected(addr netip.AddrPort) bool {
	for _, n := range t.networks {
		if n.Redirect() == addr {
			return true
		}
	}
	return false
}

func (t *table) virtual(addr netip.Addr) bool {
	for _, n := range t.networks {
		if n.VIPs.Contains(addr) {
			return true
		}
	}
	return false
}

// pick is the member with the least in flight, ties in turn. Members that refused the port lately come last, members that
// were tried not at all; nil when none is left.
func (p *pool) pick(port int, tried []*upstream) *upstream {
	if n := len(p.members); n == 1 && len(tried) == 0 {
		return p.members[0]
	}
	var best *upstream
	var bestLoad int64
	bestRefuses := false
	start := int(p.next.Add(1))
	for i := range p.members {
		u := p.members[(start+i)%len(p.members)]
		if among(tried, u) {
			continue
		}
		load, refuses := u.inFlight.Load(), u.refuses(port)
		better := best == nil || (bestRefuses && !refuses) || (bestRefuses == refuses && load < bestLoad)
		if better {
			best, bestLoad, bestRefuses = u, load, refuses
		}
	}
	return best
}

func among(all []*upstream, u *upstream) bool {
	for _, other := range all {
		if other == u {
			return true
		}
	}
	return false
}

// holdUntil is when waiting that began at since ends; false when the pool holds nothing now.
func (p *pool) holdUntil(since time.Time) (time.Time, bool) {
	if p.hold == nil {
		return time.Time{}, false
	}
	until := since.Add(p.hold.Limit)
	if p.hold.Expires.Before(until) {
		until = p.hold.Expires
	}
	return until, time.Now().Before(until)
}
