// Package names answers the DNS queries of replicas: names of services with their virtual addresses, by who asks, and all
// others with what the host's own resolvers say. It owns no names; it is told who sees what by a Directory.
package names

import (
	"context"
	"errors"
	"io"
	"log"
	"net"
	"net/netip"
	"sync"
	"time"

	"github.com/miekg/dns"

	"github.com/seaworthyhq/seaworthy/internal/edge"
)

// ttl of services' addresses in seconds. Addresses never change, but a service may go.
const ttl = 30

// Directory knows services by who asks, and at which of the edge's addresses. Names are in edge.CanonicalName's form.
type Directory interface {
	Resolve(asked netip.AddrPort, client netip.Addr, name string) (netip.Addr, bool)
}

// Server answers at sockets that it is handed.
type Server struct {
	directory Directory
	resolvers *Resolvers
	log       *log.Logger

	mu      sync.Mutex // guards running
	running map[io.Closer]*dns.Server
}

// New makes a server that asks resolvers about all names that the directory does not know.
func New(d Directory, r *Resolvers, logger *log.Logger) *Server {
	return &Server{directory: d, resolvers: r, log: logger, running: map[io.Closer]*dns.Server{}}
}

// ServeUDP answers until Stop or until the socket is closed.
func (s *Server) ServeUDP(conn *net.UDPConn, addr netip.AddrPort) {
	s.serve(conn, addr, &dns.Server{PacketConn: conn, UDPSize: dns.DefaultMsgSize})
}

// ServeTCP answers until Stop or until the listener is closed.
func (s *Server) ServeTCP(l *net.TCPListener, addr netip.AddrPort) {
	s.serve(l, addr, &dns.Server{Listener: limit(l)})
}

func (s *Server) serve(socket io.Closer, addr netip.AddrPort, d *dns.Server) {
	d.Handler = dns.HandlerFunc(func(w dns.ResponseWriter, q *dns.Msg) { s.answer(w, q, addr) })
	s.mu.Lock()
	s.running[socket] = d
	s.mu.Unlock()
	if err := d.ActivateAndServe(); err != nil && !errors.Is(err, net.ErrClosed) {
		s.log.Printf("names at %s: %v", addr, err)
	}
	s.mu.Lock()
	delete(s.running, socket)
	s.mu.Unlock()
}

// Patient is long enough for all queries under way.
const Patient = 10 * time.Second

// Stop ends serving at a socket and closes it, after queries under way were answered or patience has passed.
func (s *Server) Stop(socket io.Closer, patience time.Duration) {
	s.mu.Lock()
	d := s.running[socket]
	s.mu.Unlock()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if d == nil || d.ShutdownContext(ctx) != nil {
		socket.Close() // it has not begun to serve, or has ended, or takes too long
	}
}

func (s *Server) answer(w dns.ResponseWriter, q *dns.Msg, addr netip.AddrPort) {
	if len(q.Question) != 1 || q.Opcode != dns.OpcodeQuery {
		s.reply(w, new(dns.Msg).SetRcode(q, dns.RcodeNotImplemented))
		return
	}
	client := addressOf(w.RemoteAddr())
	if vip, ok := s.directory.Resolve(addr, client, edge.CanonicalName(q.Question[0].Name)); ok {
		s.reply(w, serviceAnswer(q, vip))
		return
	}
	m := s.resolvers.Ask(q, isTCP(w))
	if !isTCP(w) {
		m.Truncate(sizeFor(q))
	}
	s.reply(w, m)
}

func (s *Server) reply(w dns.ResponseWriter, m *dns.Msg) {
	if err := w.WriteMsg(m); err != nil && !errors.Is(err, net.ErrClosed) {
		s.log.Printf("names: answer %s: %v", w.RemoteAddr(), err)
	}
}

// serviceAnswer has the address, or nothing for types that a service has not: the name exists all the same.
func serviceAnswer(q *dns.Msg, vip netip.Addr) *dns.Msg {
	m := new(dns.Msg).SetReply(q)
	m.Authoritative, m.RecursionAvailable = true, true
	question := q.Question[0]
	header := dns.RR_Header{Name: question.Name, Rrtype: question.Qtype, Class: dns.ClassINET, Ttl: ttl}
	switch {
	case question.Qclass != dns.ClassINET:
	case question.Qtype == dns.TypeA && vip.Is4():
		m.Answer = []dns.RR{&dns.A{Hdr: header, A: vip.AsSlice()}}
	case question.Qtype == dns.TypeAAAA && vip.Is6():
		m.Answer = []dns.RR{&dns.AAAA{Hdr: header, AAAA: vip.AsSlice()}}
	}
	return m
}

func addressOf(a net.Addr) netip.Addr {
	switch a := a.(type) {
	case *net.UDPAddr:
		return a.AddrPort().Addr().Unmap()
	case *net.TCPAddr:
		return a.AddrPort().Addr().Unmap()
	}
	return netip.Addr{}
}

// sizeFor is how long an answer over UDP may be.
func sizeFor(q *dns.Msg) int {
	if opt := q.IsEdns0(); opt != nil {
		return int(max(opt.UDPSize(), dns.MinMsgSize))
	}
	return dns.MinMsgSize
}

func isTCP(w dns.ResponseWriter) bool {
	_, ok := w.RemoteAddr().(*net.TCPAddr)
	return ok
}

// askTimeout is how long one resolver is waited for.
const askTimeout = 2 * time.Second
