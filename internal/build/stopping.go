package build

import (
	"context"
	"errors"

	"github.com/seaworthyhq/seaworthy/internal/event"
)

// contexts has one for each target, by key, so that each can be ended alone.
func (r *running) contexts(ctx context.Context) map[string]context.Context {
	all := map[string]context.Context{}
	for _, t := range r.req.Targets {
		all[t.Key], r.cancels[t.Key] = context.WithCancelCause(ctx) //nolint:fatcontext // each is of a target of its own
	}
	return all
}

func (r *running) cancelAll(cause error) {
	for _, cancel := range r.cancels {
		cancel(cause)
	}
}

// stopOthers ends the other targets when one has failed: all of them for an image. Checks that run go on to their end when another
// one fails, so that one build tells all that they find, and has all their reports.
func (r *running) stopOthers(failed Target, err error) {
	switch {
	case errors.Is(err, ErrOther): // it was stopped itself
	case failed.Image:
		r.cancelAll(ErrOther)
	default:
		r.stopIdle()
	}
}

// stopIdle ends images, and checks that have not begun.
func (r *running) stopIdle() {
	for _, t := range r.req.Targets {
		if t.Image || !r.progress.hasBegun(t.Key) {
			r.cancels[t.Key](ErrOther)
		}
	}
}

// heed does stopIdle once stop is closed, until the function it returns is called.
func (r *running) heed(stop <-chan struct{}) (ended func()) {
	done := make(chan struct{})
	go func() {
		select {
		case <-stop:
			<-r.understood.all
			r.stopIdle()
		case <-done:
		}
	}()
	return func() { close(done) }
}

// causeOf is err, or what ended ctx where it failed for that.
func causeOf(ctx context.Context, err error) error {
	if cause := context.Cause(ctx); err != nil && cause != nil && errors.Is(err, context.Canceled) {
		return cause
	}
	return err
}

// hasBegun reports whether something of a stage was done, or is.
func (p *progress) hasBegun(key string) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	s := p.stage(key)
	return s.begun || s.state != event.Pending
}
