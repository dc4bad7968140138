package runtime

import (
	"context"
	"fmt"
	"time"

	"golang.org/x/sys/unix"

	"github.com/seaworthyhq/seaworthy/internal/release"
)

// RunAttached starts a replica that has been created, with the caller as its terminal, and returns it when it has ended. When
// ctx ends, so does the process, with SIGKILL. What it writes goes to the caller and into no log. A command that cannot be
// run is a *CommandError.
func (r *Runtime) RunAttached(ctx context.Context, id string, a Attachment) (release.Replica, error) {
	c, err := r.get(id)
	if err != nil {
		return release.Replica{}, err
	}
	p, err := r.connect(id, a)
	if err != nil {
		return release.Replica{}, err
	}
	defer p.close()
	draining, detach := context.WithCancel(ctx)
	defer detach()
	c.attach(func() { p.drain(draining) }, detach)
	c.op.Lock()
	run, err := r.start(ctx, c, false, p.stdio)
	c.op.Unlock()
	if err != nil && ctx.Err() != nil {
		return release.Replica{}, context.Cause(ctx)
	}
	if err != nil {
		return release.Replica{}, fmt.Errorf("start %s: %w", id, commandError("its command", err))
	}
	during, stop := context.WithCancel(inNamespace(context.WithoutCancel(ctx)))
	defer stop()
	defer context.AfterFunc(ctx, func() { _ = run.kill(during, unix.SIGKILL) })() // it may have ended meanwhile
	go run.attend(during, "", a, p.input.ended)
	_, ended := c.current()
	<-ended // and drained
	return c.replica(), context.Cause(ctx)
}

// OneOffs are the one-offs of the environment as they are now.
func (r *Runtime) OneOffs(env release.Environment) []release.Replica {
	return r.replicas(env, func(c *container) bool { return c.oneOff() })
}

// endOneOff removes a one-off of a former engine: whoever waited for it has gone with that engine.
func (r *Runtime) endOneOff(ctx context.Context, id string) error {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	return r.Remove(ctx, id)
}
