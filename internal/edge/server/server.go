// Package server is the edge's process: it holds listening sockets, routes and names, takes orders at a unix socket, and
// hands all of it to a successor without losing a connection.
package server

import (
	"context"
	"errors"
	"fmt"
	"log"
	"maps"
	"net"
	"os"
	"slices"
	"sync"
	"time"

	"github.com/seaworthyhq/seaworthy/internal/edge"
	"github.com/seaworthyhq/seaworthy/internal/edge/names"
	"github.com/seaworthyhq/seaworthy/internal/edge/proxy"
	"github.com/seaworthyhq/seaworthy/internal/edge/socket"
)

// server is one edge.
type server struct {
	dir     string
	version string
	log     *log.Logger
	proxy   *proxy.Proxy
	names   *names.Server
	serving sync.WaitGroup // loops that accept; those of UDP end with their flows

	leave context.CancelFunc // stop being in office: it was handed over, or end
	end   context.CancelFunc // of the process

	mu      sync.Mutex // serialises Apply and handing over; guards the rest
	routes  edge.Routes
	sockets map[socket.Key]*socket.Socket
	missing map[socket.Key]error
	control *net.UnixListener
	lock    *os.File
	retired bool
}

func newServer(o options, logger *log.Logger) *server {
	p := proxy.New(logger)
	return &server{
		dir:     o.dir,
		version: o.version,
		log:     logger,
		proxy:   p,
		names:   names.New(p, names.NewResolvers(o.resolvConf), logger),
		sockets: map[socket.Key]*socket.Socket{},
		missing: map[socket.Key]error{},
	}
}

// errRetired: the order was meant for the successor.
var errRetired = errors.New("this edge has handed over")

// apply makes r what the edge does. On an error nothing has changed.
func (s *server) apply(r edge.Routes) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.retired {
		return errRetired
	}
	opened, err := s.open(r)
	if err != nil {
		return err
	}
	if err := writeRoutes(s.dir, r); err != nil {
		closeSockets(opened)
		return err
	}
	s.routes = r
	s.proxy.Apply(r)
	s.adopt(opened)
	s.closeUnwanted()
	clear(s.missing)
	return nil
}

// open binds what r needs and is not there; all of it or nothing.
func (s *server) open(r edge.Routes) ([]*socket.Socket, error) {
	wanted := socket.Wanted(r)
	leaving := s.unwanted(wanted)
	var opened []*socket.Socket
	for _, k := range wanted {
		if s.sockets[k] != nil {
			continue
		}
		made, err := bind(k, s.beside(k, leaving, opened))
		if err != nil {
			closeSockets(opened)
			return nil, err
		}
		opened = append(opened, made)
	}
	return opened, nil
}

// bind opens a socket that may overlap with some of ours.
func bind(k socket.Key, beside []*socket.Socket) (*socket.Socket, error) {
	made, err := socket.Open(k)
	if err != nil && overlaps(k, beside) {
		return socket.OpenBeside(k, beside)
	}
	return made, err
}

// beside are the sockets that k may overlap with: those that leave, and those that serve networks, at addresses of their own, where
// k serves the world, or the other way round.
func (s *server) beside(k socket.Key, leaving, opened []*socket.Socket) []*socket.Socket {
	all := slices.Clone(leaving)
	for _, other := range slices.AppendSeq(slices.Clone(opened), maps.Values(s.sockets)) {
		if (k.Purpose == socket.Published) != (other.Purpose == socket.Published) {
			all = append(all, other)
		}
	}
	return all
}

func overlaps(k socket.Key, beside []*socket.Socket) bool {
	for _, s := range beside {
		if s.Protocol == k.Protocol && s.Addr.Port() == k.Addr.Port() {
			return true
		}
	}
	return false
}

func closeSockets(all []*socket.Socket) {
	for _, s := range all {
		s.Close()
	}
}

func (s *server) unwanted(wanted []socket.Key) []*socket.Socket {
	keep := map[socket.Key]bool{}
	for _, k := range wanted {
		keep[k] = true
	}
	var leaving []*socket.Socket
	for k, sock := range s.sockets {
		if !keep[k] {
			leaving = append(leaving, sock)
		}
	}
	return leaving
}

func (s *server) closeUnwanted() {
	for _, sock := range s.unwanted(socket.Wanted(s.routes)) {
		s.stopServing(sock, true)
		delete(s.sockets, sock.Key)
	}
}

// adopt starts to serve sockets. Routes that know them are in force by now.
func (s *server) adopt(opened []*socket.Socket) {
	for _, sock := range opened {
		s.sockets[sock.Key] = sock
		s.serving.Go(func() { s.serve(sock) })
	}
}

func (s *server) serve(sock *socket.Socket) {
	switch {
	case sock.Purpose == socket.Names && sock.UDP != nil:
		s.names.ServeUDP(sock.UDP, sock.Addr)
	case sock.Purpose == socket.Names:
		s.names.ServeTCP(sock.TCP, sock.Addr)
	case sock.UDP != nil:
		s.proxy.ServeUDP(sock.UDP, sock.Addr)
		sock.Close()
	default:
		s.proxy.ServeTCP(sock.TCP, sock.Addr, socket.OriginalDestination)
	}
}

// stopServing closes our descriptor of the socket. Unless atOnce, UDP flows and DNS queries are
// still answered through it.
func (s *server) stopServing(sock *socket.Socket, atOnce bool) {
	switch {
	case sock.Purpose == socket.Names && !atOnce: // queries under way may wait for the host's resolvers
		s.serving.Go(func() { s.names.Stop(sock.Closer(), names.Patient) })
	case sock.Purpose == socket.Names:
		s.names.Stop(sock.Closer(), 0)
	case sock.UDP != nil && !atOnce:
		sock.UDP.SetReadDeadline(time.Unix(1, 0))
	default:
		sock.Close()
	}
}

// resume serves routes that were in force before: what cannot be bound is tried again and again, and does not keep the
// rest from being served.
func (s *server) resume(r edge.Routes, inherited []*socket.Socket) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.routes = r
	s.proxy.Apply(r)
	s.adopt(inherited)
	s.closeUnwanted()
	s.bindMissing()
}

// bindMissing is called with the lock held.
func (s *server) bindMissing() {
	clear(s.missing)
	for _, k := range socket.Wanted(s.routes) {
		if s.sockets[k] != nil {
			continue
		}
		sock, err := bind(k, s.beside(k, nil, nil))
		if err != nil {
			s.missing[k] = err
			continue
		}
		s.adopt([]*socket.Socket{sock})
	}
}

// bindAgain is how often missing sockets are tried.
const bindAgain = 500 * time.Millisecond

func (s *server) keepBinding(ctx context.Context) {
	for tick := time.NewTicker(bindAgain); ; {
		select {
		case <-ctx.Done():
			tick.Stop()
			return
		case <-tick.C:
		}
		s.mu.Lock()
		if len(s.missing) > 0 && !s.retired {
			s.bindMissing()
		}
		s.mu.Unlock()
	}
}

// retire gives up sockets, control and lock to a successor, and serves on what was accepted. Called with the lock held.
func (s *server) retire() {
	s.retired = true
	s.proxy.Retire()
	for k, sock := range s.sockets {
		s.stopServing(sock, false)
		delete(s.sockets, k)
	}
	s.control.SetUnlinkOnClose(false)
	s.control.Close()
	s.lock.Close() // the successor has the same open file: it stays locked
}

// linger returns when no client is left, or at the limit.
func (s *server) linger(ctx context.Context, limit time.Duration) error {
	ctx, cancel := context.WithTimeoutCause(ctx, limit, errors.New("limit reached"))
	defer cancel()
	for tick := time.NewTicker(100 * time.Millisecond); ; {
		if s.proxy.Clients() == 0 {
			tick.Stop()
			return nil
		}
		select {
		case <-ctx.Done():
			tick.Stop()
			return fmt.Errorf("%d connections ended: %w", s.proxy.Clients(), context.Cause(ctx))
		case <-tick.C:
		}
	}
}

func (s *server) status() edge.Status {
	pools, draining := s.proxy.Status()
	s.mu.Lock()
	defer s.mu.Unlock()
	st := edge.Status{
		PID: os.Getpid(), Version: s.version, Retired: s.retired,
		Connections: s.proxy.Clients(), Pools: pools, Draining: draining,
	}
	for _, err := range s.missing {
		st.Missing = append(st.Missing, err.Error())
	}
	return st
}

// close ends everything at once.
func (s *server) close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for k, sock := range s.sockets {
		s.stopServing(sock, true)
		delete(s.sockets, k)
	}
	s.proxy.Close()
	s.serving.Wait()
}

var _ names.Directory = (*proxy.Proxy)(nil)
