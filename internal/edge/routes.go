// Package edge is what the rest of Seaworthy knows of the edge: what it does (Routes), how it is talked to (Client) and how
// its process is started and kept (Launch). The process itself, which holds listening sockets, routes and names so that
// traffic goes on while the engine is killed, restarted or replaced, is package server beside it.
//
// The edge decides nothing about releases: it is handed all routes at once and forwards. It must not know of containers,
// deployments or the engine.
package edge

import (
	"net/netip"
	"slices"
	"strings"
	"time"
)

// Routes is everything the edge does, whole: applying one replaces all that was before.
type Routes struct {
	Pools     []Pool     `json:"pools,omitempty"`
	Listeners []Listener `json:"listeners,omitempty"`
	Networks  []Network  `json:"networks,omitempty"`
	Views     []View     `json:"views,omitempty"`
	// TrustedProxies are clients that are believed when they say for whom they ask (X-Forwarded-For and the like).
	TrustedProxies []netip.Prefix `json:"trustedProxies,omitempty"`
}

// Pool is a set of interchangeable upstreams: the replicas of a service in one generation.
type Pool struct {
	ID        string     `json:"id"`
	Upstreams []Upstream `json:"upstreams,omitempty"`
	Hold      *Hold      `json:"hold,omitempty"`
}

// Upstream is a replica as the edge sees it. Two Routes that name the same ID and address mean the same upstream.
type Upstream struct {
	ID   string     `json:"id"`
	Addr netip.Addr `json:"addr"`
}

// Hold makes requests and new connections wait while their pool has no upstream that answers.
type Hold struct {
	// Limit for each request or connection, in nanoseconds. After it: 503, or the connection is closed.
	Limit time.Duration `json:"limit"`
	// Expires ends the hold as a whole, so that it ends even if its owner dies.
	Expires time.Time `json:"expires"`
}

// Protocols of a Listener.
const (
	TCP = "tcp"
	UDP = "udp"
)

// Listener is a published port of the host.
type Listener struct {
	Addr     netip.AddrPort `json:"addr"` // [::]:80 means all addresses of both families
	Protocol string         `json:"protocol"`
	// AppProtocol as Compose has it: http, http2, h2c, grpc are balanced by request, anything else by connection;
	// empty: told from the first bytes.
	AppProtocol string `json:"appProtocol,omitempty"`
	Pool        string `json:"pool"`
	Port        int    `json:"port"` // of the upstreams
}

// Network is a network of an environment, seen from its gateway. Connections to its virtual addresses arrive at
// Gateway:RedirectPort (an iptables REDIRECT), with their original destination kept by the kernel.
type Network struct {
	ID           string       `json:"id"`
	Gateway      netip.Addr   `json:"gateway"`
	RedirectPort uint16       `json:"redirectPort"`
	DNSPort      uint16       `json:"dnsPort,omitempty"` // 0: 53
	VIPs         netip.Prefix `json:"vips"`
	// DefaultView is the view of clients that no View names; empty: they see no service.
	DefaultView string `json:"defaultView,omitempty"`
}

// Names is the address at which the network's DNS listens, UDP and TCP.
func (n Network) Names() netip.AddrPort {
	if n.DNSPort == 0 {
		return netip.AddrPortFrom(n.Gateway, 53)
	}
	return netip.AddrPortFrom(n.Gateway, n.DNSPort)
}

// Redirect is the address at which connections to virtual addresses arrive.
func (n Network) Redirect() netip.AddrPort { return netip.AddrPortFrom(n.Gateway, n.RedirectPort) }

// View says what the clients of one generation see.
type View struct {
	ID       string       `json:"id"`
	Clients  []netip.Addr `json:"clients,omitempty"`
	Services []Target     `json:"services,omitempty"`
}

// Target is a service as a View has it. A service's VIP is the same for all views and for ever, so that answers of the DNS
// can be cached without harm; the pool behind it is decided anew for each connection or request.
type Target struct {
	Names []string   `json:"names"`
	VIP   netip.Addr `json:"vip"`
	Pool  string     `json:"pool"`
	// AppProtocols by port, where it is known; see Listener.AppProtocol.
	AppProtocols map[int]string `json:"appProtocols,omitempty"`
	UDP          []int          `json:"udp,omitempty"` // UDP ports
}

// CanonicalName is how names are compared: lower case, without the dot of the root.
func CanonicalName(name string) string { return strings.ToLower(strings.TrimSuffix(name, ".")) }

// VirtualUDP lists the addresses, sorted and each once, at which datagrams for services arrive.
func (r Routes) VirtualUDP() []netip.AddrPort {
	var all []netip.AddrPort
	for _, v := range r.Views {
		for _, t := range v.Services {
			for _, port := range t.UDP {
				all = append(all, netip.AddrPortFrom(t.VIP, uint16(port)))
			}
		}
	}
	slices.SortFunc(all, netip.AddrPort.Compare)
	return slices.Compact(all)
}
