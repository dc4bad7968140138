package engine

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strconv"

	"golang.org/x/sys/unix"

	"github.com/seaworthyhq/seaworthy/internal/event"
	"github.com/seaworthyhq/seaworthy/internal/release"
	"github.com/seaworthyhq/seaworthy/internal/rollout"
	"github.com/seaworthyhq/seaworthy/internal/state"
)

// choosePorts gives ports that the file leaves open a number that they keep; while planning, only those that have one.
func choosePorts(config *release.Config, s *state.Environment, dry bool) error {
	taken := map[int]bool{}
	for _, p := range published(*config) {
		taken[p.Published] = true
	}
	for i := range config.Services {
		service := &config.Services[i]
		service.Ports = slices.Clone(service.Ports)
		for j := range service.Ports {
			p := &service.Ports[j]
			if p.Published != 0 {
				continue
			}
			key := fmt.Sprintf("%s/%d/%s", service.Name, p.Target, p.Protocol)
			if s.Ports == nil {
				s.Ports = map[string]int{}
			}
			kept := s.Ports[key]
			if kept != 0 && p.First != 0 && (kept < p.First || kept > p.Last) {
				kept = 0
			}
			if kept == 0 && dry {
				continue
			}
			if kept == 0 {
				free, err := freePort(*p, service.Name, taken)
				if err != nil {
					return err
				}
				kept = free
			}
			s.Ports[key], p.Published, taken[kept] = kept, kept, true
		}
	}
	return nil
}

// freePort is one that nobody listens at: the first of the port's range that is not taken or, without a range, any.
func freePort(p release.Port, service string, taken map[int]bool) (int, error) {
	for n := p.First; n <= p.Last; n++ {
		if taken[n] {
			continue
		}
		l, err := net.Listen("tcp", net.JoinHostPort(p.HostIP, strconv.Itoa(n)))
		switch {
		case err == nil:
			defer l.Close()
			return l.Addr().(*net.TCPAddr).Port, nil
		case !errors.Is(err, unix.EADDRINUSE):
			return 0, fmt.Errorf("choose a port: %w", err)
		}
	}
	return 0, &release.UserError{
		Kind: release.KindConflict, Err: fmt.Errorf("no port from %d to %d, of which %s publishes one, is free", p.First, p.Last, service),
		Hint: "ss -ltn shows which are taken; publish one of a longer range",
	}
}

// checkPorts finds out before anything is built or started whether a newly published port is taken. The edge is the judge in
// the end; this only saves the wait.
func (e *Engine) checkPorts(ctx context.Context, env release.Environment, serving *rollout.Serving, config release.Config) error {
	if err := e.db.View(func(tx state.Tx) error { return checkClaims(tx, env, config) }); err != nil {
		return err
	}
	held := map[string]bool{}
	if serving != nil {
		for _, p := range published(serving.Generation.Config) {
			held[fmt.Sprint(p.Published, p.Protocol)] = true
		}
	}
	for _, p := range published(config) {
		if held[fmt.Sprint(p.Published, p.Protocol)] || mayShare(p.Port) {
			continue
		}
		if err := tryPort(ctx, p); err != nil {
			return err
		}
	}
	return nil
}

// mayShare reports whether the edge may have the port for a network's own use, which it can share with what is published and
// nobody else can: that of names, and those of services for UDP.
func mayShare(p release.Port) bool { return p.Protocol == "udp" || p.Published == 53 }

// tryPort listens at a port for a moment.
func tryPort(ctx context.Context, p publishedPort) error {
	var lc net.ListenConfig
	l, err := lc.Listen(ctx, "tcp", net.JoinHostPort(p.HostIP, strconv.Itoa(p.Published)))
	switch {
	case err == nil:
		return l.Close()
	case errors.Is(err, unix.EADDRINUSE):
		return &release.UserError{
			Kind: release.KindConflict, Err: fmt.Errorf("port %d, which %s publishes, is taken: %w", p.Published, p.service, err),
			Hint: fmt.Sprintf("ss -ltnp 'sport = :%d' shows by whom; or publish another port", p.Published),
		}
	}
	return &release.UserError{
		Kind: release.KindConflict, Err: fmt.Errorf("port %d, which %s publishes, cannot be had: %w", p.Published, p.service, err),
		Hint: "publish at an address that this machine has (ip address)",
	}
}

// publishedPort is a port of the host, and the service that it leads to.
type publishedPort struct {
	release.Port
	service string
}

// published are the ports of a configuration that have a number.
func published(config release.Config) []publishedPort {
	var all []publishedPort
	for _, s := range config.Services {
		for _, p := range s.Ports {
			if p.Published != 0 {
				all = append(all, publishedPort{p, s.Name})
			}
		}
	}
	return all
}

// checkClaims refuses ports that other environments have, or may come to have by what is under way in them.
func checkClaims(tx state.Tx, env release.Environment, config release.Config) error {
	all, err := tx.Environments()
	if err != nil {
		return err
	}
	for _, other := range all {
		if other.Environment == env {
			continue
		}
		for _, claimed := range claims(other) {
			for _, wanted := range published(config) {
				if overlap(wanted.Port, claimed.Port) {
					return claimedBy(other.Environment, env, wanted)
				}
			}
		}
	}
	return nil
}

// claims are the ports of what serves in an environment, of what is to serve, and of what would serve again.
func claims(s state.Environment) []publishedPort {
	var all []publishedPort
	if s.Serving != nil {
		all = published(s.Serving.Generation.Config)
	}
	if s.Pending != nil {
		for _, g := range generations(s.Pending.Desired) {
			all = append(all, published(g.Config)...)
		}
	}
	return all
}

func claimedBy(other, env release.Environment, p publishedPort) error {
	return &release.UserError{
		Kind: release.KindConflict, Err: fmt.Errorf("port %d, which %s publishes, is taken by %s", p.Published, p.service, other),
		Hint: fmt.Sprintf("publish another port in %s, under environments.%s.services.%s.ports of seaworthy.yaml, say; or seaworthy down -e %s",
			env.Name, env.Name, p.service, other),
	}
}

// overlap reports whether the host can have only one of two ports.
func overlap(a, b release.Port) bool {
	if a.Published != b.Published || a.Protocol != b.Protocol {
		return false
	}
	x, y := address(a), address(b)
	covers := func(all, one netip.Addr) bool {
		return all.IsUnspecified() && (all.Is6() || one.Is4() || one.IsUnspecified())
	}
	return x == y || covers(x, y) || covers(y, x)
}

// address is where a port is published; [::] is all addresses of both families.
func address(p release.Port) netip.Addr {
	if a, err := netip.ParseAddr(p.HostIP); err == nil {
		return a.Unmap()
	}
	return netip.IPv6Unspecified()
}

func announceAddresses(config release.Config, sink event.Sink) {
	for _, s := range config.Services {
		if s.Replicas == 0 && len(s.Ports) > 0 {
			text := s.Name + ": 0 replicas, nothing answers"
			sink.Emit(event.Event{Type: event.TypeMessage, Message: &event.Message{Level: event.Info, Text: text}})
			continue
		}
		for _, p := range s.Ports {
			host := p.HostIP
			if host == "" {
				host = "localhost"
			}
			text := fmt.Sprintf("%s: http://%s", s.Name, net.JoinHostPort(host, strconv.Itoa(p.Published)))
			if p.Protocol == "udp" {
				text = fmt.Sprintf("%s: udp://%s", s.Name, net.JoinHostPort(host, strconv.Itoa(p.Published)))
			}
			sink.Emit(event.Event{Type: event.TypeMessage, Message: &event.Message{Level: event.Info, Text: text}})
		}
	}
}
