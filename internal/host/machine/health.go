package machine

import (
	"context"
	"sync"
	"time"

	"github.com/seaworthyhq/seaworthy/internal/release"
	"github.com/seaworthyhq/seaworthy/internal/runtime"
)

// health asks replicas whether they are well.
type health struct {
	runtime *runtime.Runtime
	changed func(id string)

	ctx    context.Context
	cancel context.CancelFunc
	wait   sync.WaitGroup

	mu        sync.Mutex // guards what is below
	patients  map[string]*patient
	listeners map[chan struct{}]struct{}
}

type patient struct {
	since  time.Time
	state  release.HealthState
	output string
	closed []int // its ports, until one of them has been seen open
	cancel context.CancelFunc
}

func newHealth(rt *runtime.Runtime, changed func(id string)) *health {
	h := &health{runtime: rt, changed: changed, patients: map[string]*patient{}, listeners: map[chan struct{}]struct{}{}}
	h.ctx, h.cancel = context.WithCancel(context.Background())
	return h
}

func (h *health) close() {
	h.cancel()
	h.wait.Wait()
}

// follow asks a replica from now on. One that is known to have been well counts as well until it says otherwise.
func (h *health) follow(id string, s release.Service, well bool) {
	ctx, cancel := context.WithCancel(h.ctx)
	p := &patient{since: time.Now(), state: release.HealthStarting, cancel: cancel}
	if well {
		p.state = release.HealthHealthy
	}
	h.mu.Lock()
	if old := h.patients[id]; old != nil {
		old.cancel()
	}
	h.patients[id] = p
	h.mu.Unlock()
	h.wait.Go(func() {
		defer cancel()
		h.ask(ctx, id, p, s)
	})
}

// forget stops asking.
func (h *health) forget(id string) { h.forgetBefore(id, time.Now()) }

// forgetBefore stops asking a replica about a run that has begun before that moment. Who hears late of its end does not end
// the questions about its next run.
func (h *health) forgetBefore(id string, end time.Time) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if p := h.patients[id]; p != nil && !p.since.After(end) {
		p.cancel()
		delete(h.patients, id)
	}
}

func (h *health) of(r release.Replica) release.HealthState {
	h.mu.Lock()
	defer h.mu.Unlock()
	if p := h.patients[r.ID]; p != nil {
		return p.state
	}
	return release.HealthUnchecked
}

func (h *health) output(id string) string {
	h.mu.Lock()
	defer h.mu.Unlock()
	if p := h.patients[id]; p != nil {
		return p.output
	}
	return ""
}

// listen returns a channel that is ready whenever some health may have changed.
func (h *health) listen() (<-chan struct{}, func()) {
	c := make(chan struct{}, 1)
	h.mu.Lock()
	h.listeners[c] = struct{}{}
	h.mu.Unlock()
	return c, func() {
		h.mu.Lock()
		delete(h.listeners, c)
		h.mu.Unlock()
	}
}

func (h *health) set(id string, p *patient, state release.HealthState, output string) {
	h.mu.Lock()
	before := p.state
	current := h.patients[id] == p
	p.state, p.output = state, output
	for c := range h.listeners {
		select {
		case c <- struct{}{}:
		default:
		}
	}
	h.mu.Unlock()
	// Only what changes who takes requests changes routes.
	if current && (before == release.HealthUnhealthy) != (state == release.HealthUnhealthy) {
		h.changed(id)
	}
}
