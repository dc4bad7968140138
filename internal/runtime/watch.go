package runtime

import (
	"context"
	"sync"

	"github.com/seaworthyhq/seaworthy/internal/release"
)

// Change is a replica, and no one-off, that was created, started, ended or was removed.
type Change struct {
	Environment release.Environment
	Replica     release.Replica
	Removed     bool
}

// Watch sends every change from now on, in order, until ctx ends or the runtime is closed; then the channel is closed. A slow
// listener holds up nobody.
func (r *Runtime) Watch(ctx context.Context) <-chan Change {
	w := &watcher{wake: make(chan struct{}, 1), ended: make(chan struct{})}
	out := make(chan Change)
	r.mu.Lock()
	if r.watchers == nil { // closed
		w.end()
	} else {
		r.watchers[w] = struct{}{}
	}
	r.mu.Unlock()
	go func() {
		defer close(out)
		w.forward(ctx, out)
		r.mu.Lock()
		delete(r.watchers, w)
		r.mu.Unlock()
	}()
	return out
}

func (r *Runtime) changed(c *container) {
	r.tell(c, false)
}

func (r *Runtime) removed(c *container) {
	r.tell(c, true)
}

func (r *Runtime) tell(c *container, removed bool) {
	if c.oneOff() {
		return
	}
	change := Change{Environment: c.env, Replica: c.replica(), Removed: removed}
	r.mu.Lock()
	defer r.mu.Unlock()
	for w := range r.watchers {
		w.add(change)
	}
}

// watcher is one listener and what it has not heard yet.
type watcher struct {
	wake  chan struct{}
	ended chan struct{}
	once  sync.Once

	mu      sync.Mutex // guards pending
	pending []Change
}

func (w *watcher) add(change Change) {
	w.mu.Lock()
	w.pending = append(w.pending, change)
	w.mu.Unlock()
	select {
	case w.wake <- struct{}{}:
	default:
	}
}

func (w *watcher) take() []Change {
	w.mu.Lock()
	defer w.mu.Unlock()
	taken := w.pending
	w.pending = nil
	return taken
}

func (w *watcher) end() { w.once.Do(func() { close(w.ended) }) }

func (w *watcher) forward(ctx context.Context, out chan<- Change) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-w.ended:
			return
		case <-w.wake:
		}
		for _, change := range w.take() {
			select {
			case out <- change:
			case <-ctx.Done():
				return
			case <-w.ended:
				return
			}
		}
	}
}
