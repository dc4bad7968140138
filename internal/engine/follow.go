package engine

import (
	"context"
	"sync"
	"time"

	"github.com/seaworthyhq/seaworthy/internal/api"
	"github.com/seaworthyhq/seaworthy/internal/event"
	"github.com/seaworthyhq/seaworthy/internal/release"
	"github.com/seaworthyhq/seaworthy/internal/runtime"
)

// follower goes on with the logs of an environment: of the replicas there are, of those that come, and of those that go, to
// their end.
type follower struct {
	engine  *Engine
	req     api.LogsRequest
	sink    event.Sink
	ctx     context.Context
	cancel  context.CancelFunc
	changes <-chan runtime.Change
	done    chan string              // IDs of those that have been read to the end
	news    map[string]chan struct{} // by ID: something has changed
	wait    sync.WaitGroup
}

// newFollower hears of changes from now on, if the request wants that.
func newFollower(e *Engine, req api.LogsRequest, sink event.Sink) *follower {
	f := &follower{engine: e, req: req, sink: sink, done: make(chan string), news: map[string]chan struct{}{}}
	f.ctx, f.cancel = context.WithCancel(e.life)
	if req.Follow {
		f.changes = e.runtime.Watch(f.ctx)
	}
	return f
}

// downCheck is how often an environment without replicas is asked whether it is down.
const downCheck = 500 * time.Millisecond

// run follows until ctx ends or the environment is down. What is open has been read so far.
func (f *follower) run(ctx context.Context, open []*openLog) error {
	defer f.wait.Wait()
	defer f.cancel()
	for _, l := range open {
		f.follow(l)
	}
	check := time.NewTicker(downCheck)
	defer check.Stop()
	for {
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-f.ctx.Done():
			return context.Cause(f.ctx)
		case c, ok := <-f.changes:
			if !ok {
				return nil
			}
			f.changed(c)
		case id := <-f.done:
			delete(f.news, id)
		case <-check.C:
			if len(f.news) == 0 && f.engine.isDown(f.req.Environment) {
				return nil
			}
		}
	}
}

func (f *follower) changed(c runtime.Change) {
	if c.Environment != f.req.Environment || !wantsLog(f.req, c.Replica) {
		return
	}
	if news, known := f.news[c.Replica.ID]; known {
		select {
		case news <- struct{}{}:
		default: // it will look anyway
		}
		return
	}
	if c.Removed {
		return // it has been read to the end
	}
	if reader, err := f.engine.runtime.OpenLog(c.Replica.ID, runtime.LogOptions{}); err == nil {
		f.follow(&openLog{LogReader: reader, replica: c.Replica, sink: f.sink})
	}
}

func (f *follower) follow(l *openLog) {
	news := make(chan struct{}, 1)
	f.news[l.replica.ID] = news
	f.wait.Go(func() {
		f.read(l, news)
		l.Close()
		select {
		case f.done <- l.replica.ID:
		case <-f.ctx.Done():
		}
	})
}

// read reads a log until its replica has been removed, across restarts.
func (f *follower) read(l *openLog, news <-chan struct{}) {
	id := l.replica.ID
	for {
		for line, err := range l.Follow(f.ctx, func() bool { return f.engine.hasEnded(id) }) {
			if err != nil {
				return
			}
			l.emit(line)
		}
		last, removed := f.engine.lastOf(f.req.Environment, id)
		if last.State == release.StateExited {
			l.tellEnd(last.Ended, last.Detail)
		}
		if removed {
			return
		}
		select {
		case <-news: // started again, or removed
		case <-f.ctx.Done():
			return
		}
	}
}

// hasEnded reports whether the replica runs no more.
func (e *Engine) hasEnded(id string) bool {
	r, err := e.runtime.Replica(id)
	return err != nil || r.State == release.StateExited
}

// lastOf is the replica as it is, or as it was when it was removed.
func (e *Engine) lastOf(env release.Environment, id string) (last release.Replica, removed bool) {
	if r, err := e.runtime.Replica(id); err == nil {
		return r, false
	}
	previous, err := e.runtime.Previous(env)
	if err != nil {
		return last, true
	}
	for _, p := range previous { // the last one first
		if p.ID == id {
			return p.Replica, true
		}
	}
	return last, true
}

// isDown reports whether nothing runs in the environment, nor shall.
func (e *Engine) isDown(env release.Environment) bool {
	s, err := e.environment(env)
	return err == nil && s.Pending == nil && (s.Serving == nil || len(s.Serving.Generation.Config.Services) == 0) &&
		len(e.runtime.Replicas(env)) == 0
}
