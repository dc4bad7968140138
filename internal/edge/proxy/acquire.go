package proxy

import (
	"context"
	"errors"
	"time"
)

// errNoUpstream: the pool has nobody who could answer, and nothing is (or was long enough) held for it.
var errNoUpstream = errors.New("no replica to answer")

// errNoRoute: the destination leads nowhere (any more).
var errNoRoute = errors.New("no such service")

// retryHeld is how often a held request asks again upstreams that refuse. New routes wake it at once.
const retryHeld = 50 * time.Millisecond

// quest is one request's or connection's search for an upstream.
type quest struct {
	proxy *Proxy
	to    destination
	tried []*upstream
	since time.Time // when it began to wait; zero: it has not
}

// next is another upstream to try, with its in-flight count raised; the caller releases it.
func (q *quest) next(ctx context.Context) (*upstream, route, error) {
	for {
		t := q.proxy.current.Load()
		r, ok := t.lookup(q.to)
		if !ok {
			return nil, route{}, errNoRoute
		}
		u := r.pool.pick(r.port, q.tried)
		if u == nil {
			if err := q.wait(ctx, t, r.pool); err != nil {
				return nil, route{}, err
			}
			continue
		}
		u.inFlight.Add(1)
		// A swap between the look at the table and the count would let Drain overlook us: only a table that is current
		// after the count may be used.
		if q.proxy.current.Load() != t {
			u.release()
			continue
		}
		u.total.Add(1)
		return u, r, nil
	}
}

// refused notes that the upstream refused a connection at the port.
func (q *quest) refused(u *upstream, port int) {
	u.errors.Add(1)
	u.markRefusal(port)
	q.tried = append(q.tried, u)
}

// wait holds until upstreams may have appeared, or reports why there is no more waiting.
func (q *quest) wait(ctx context.Context, t *table, p *pool) error {
	if q.since.IsZero() {
		q.since = time.Now()
	}
	until, holding := p.holdUntil(q.since)
	if !holding {
		return errNoUpstream
	}
	pause := time.Until(until)
	if len(p.members) > 0 {
		pause = min(pause, retryHeld)
	}
	p.waiting.Add(1)
	defer p.waiting.Add(-1)
	timer := time.NewTimer(pause)
	defer timer.Stop()
	select {
	case <-t.replaced:
	case <-timer.C:
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	q.tried = q.tried[:0]
	return nil
}
