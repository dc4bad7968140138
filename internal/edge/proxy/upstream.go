package proxy

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/seaworthyhq/seaworthy/internal/edge"
)

const (
	dialTimeout = 3 * time.Second
	// refusalTime is how long an upstream that refused a connection is left out.
	refusalTime = time.Second
)

// upstream is a replica and everything that is open to it. It outlives tables: the same replica keeps its upstream, and
// one that left all pools keeps it until nothing is in flight.
type upstream struct {
	edge.Upstream
	inFlight atomic.Int64
	total    atomic.Uint64
	errors   atomic.Uint64
	retired  atomic.Bool // in no pool any more: keep no idle connection

	refusals atomic.Pointer[map[int]time.Time] // by port, until when; nil: none

	budget *budget
	share  share

	idle idlePool // of HTTP/1.1 connections
	http transports

	mu    sync.Mutex // guards open and quiet
	open  map[*tracked]struct{}
	quiet []chan struct{} // closed when nothing is in flight
}

func newUpstream(u edge.Upstream, b *budget) *upstream {
	up := &upstream{Upstream: u, budget: b, open: map[*tracked]struct{}{}}
	up.http = newTransports(up)
	return up
}

func (u *upstream) release() {
	if u.inFlight.Add(-1) > 0 {
		return
	}
	if u.retired.Load() {
		u.closeIdle()
	}
	u.mu.Lock()
	waiters := u.quiet
	u.quiet = nil
	u.mu.Unlock()
	for _, w := range waiters {
		close(w)
	}
}

// whenQuiet is closed once nothing is in flight, for a moment at least.
func (u *upstream) whenQuiet() <-chan struct{} {
	u.mu.Lock()
	defer u.mu.Unlock()
	c := make(chan struct{})
	if u.inFlight.Load() == 0 {
		close(c)
		return c
	}
	u.quiet = append(u.quiet, c)
	// The last release may have looked at quiet before this append: look again.
	if u.inFlight.Load() == 0 {
		u.quiet = u.quiet[:len(u.quiet)-1]
		close(c)
	}
	return c
}

func (u *upstream) refuses(port int) bool {
	marks := u.refusals.Load()
	return marks != nil && time.Now().Before((*marks)[port])
}

func (u *upstream) markRefusal(port int) {
	for {
		old := u.refusals.Load()
		marks := map[int]time.Time{port: time.Now().Add(refusalTime)}
		if old != nil {
			for p, until := range *old {
				if p != port && time.Now().Before(until) {
					marks[p] = until
				}
			}
		}
		if u.refusals.CompareAndSwap(old, &marks) {
			return
		}
	}
}

func (u *upstream) refusing() bool {
	if marks := u.refusals.Load(); marks != nil {
		for port := range *marks {
			if u.refuses(port) {
				return true
			}
		}
	}
	return false
}

// dialError says that no connection came about: nothing was sent.
type dialError struct{ err error }

func (e *dialError) Error() string { return e.err.Error() }
func (e *dialError) Unwrap() error { return e.err }

var dialer = net.Dialer{Timeout: dialTimeout, KeepAlive: 30 * time.Second}

// dial opens a connection that closeNow can end.
func (u *upstream) dial(ctx context.Context, network string, port int) (*tracked, error) {
	if !u.budget.take(&u.share) {
		return nil, errCrowded
	}
	conn, err := dialer.DialContext(ctx, network, netip.AddrPortFrom(u.Addr, uint16(port)).String())
	if err == nil {
		return u.track(conn), nil
	}
	u.budget.give(&u.share)
	if crowded(err) {
		return nil, fmt.Errorf("%w: %w", errCrowded, err)
	}
	return nil, &dialError{err}
}

// dialTracked is dial for connections that others than us close.
func (u *upstream) dialTracked(ctx context.Context, _, addr string) (net.Conn, error) {
	_, p, err := net.SplitHostPort(addr)
	if err != nil {
		return nil, &dialError{err}
	}
	port, err := strconv.Atoi(p)
	if err != nil {
		return nil, &dialError{err}
	}
	conn, err := u.dial(ctx, "tcp", port)
	if err != nil {
		return nil, err // without a type, which would make it one
	}
	return conn, nil
}

// tracked is a connection that its upstream knows of while it is open.
type tracked struct {
	net.Conn
	of *upstream
}

func (u *upstream) track(conn net.Conn) *tracked {
	t := &tracked{conn, u}
	u.mu.Lock()
	u.open[t] = struct{}{}
	u.mu.Unlock()
	return t
}

func (t *tracked) Close() error {
	t.of.mu.Lock()
	_, open := t.of.open[t]
	delete(t.of.open, t)
	t.of.mu.Unlock()
	err := t.Conn.Close()
	if open {
		t.of.budget.give(&t.of.share)
	}
	return err
}

func (u *upstream) closeIdle() {
	u.idle.closeAll()
	u.http.closeIdle()
}

// closeNow ends everything that is open to the upstream and says how much was in flight.
func (u *upstream) closeNow() int64 {
	n := u.inFlight.Load()
	u.mu.Lock()
	open := make([]*tracked, 0, len(u.open))
	for t := range u.open {
		open = append(open, t)
	}
	u.mu.Unlock()
	for _, t := range open {
		t.Close()
	}
	u.closeIdle()
	return n
}

func (u *upstream) status() edge.UpstreamStatus {
	return edge.UpstreamStatus{
		Upstream: u.Upstream,
		InFlight: u.inFlight.Load(),
		Total:    u.total.Load(),
		Errors:   u.errors.Load(),
		Refusing: u.refusing(),
	}
}
