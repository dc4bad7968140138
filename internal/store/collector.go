package store

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/containerd/containerd/v2/core/leases"
	"github.com/containerd/containerd/v2/core/metadata"
	"github.com/containerd/log"
)

// quiet is how long the store has to be left alone before what was given up is collected: a collection holds the
// metadata's write lock, and removals come in bursts.
const quiet = 2 * time.Second

// collector frees what no image record, lease or label names. It decides nothing: a release keeps its images by name.
type collector struct {
	db     *metadata.DB
	dirty  chan struct{}
	cancel context.CancelFunc // nil: it has not been started
	done   sync.WaitGroup
}

func newCollector(db *metadata.DB) *collector {
	c := &collector{db: db, dirty: make(chan struct{}, 1)}
	db.RegisterMutationCallback(func(dirty bool) {
		if dirty {
			c.wake()
		}
	})
	return c
}

func (c *collector) start() {
	ctx, cancel := context.WithCancel(context.Background())
	c.cancel = cancel
	c.done.Go(func() { c.run(ctx) })
}

// wake never blocks: it is called from within the metadata's transactions.
func (c *collector) wake() {
	select {
	case c.dirty <- struct{}{}:
	default:
	}
}

func (c *collector) run(ctx context.Context) {
	timer := time.NewTimer(quiet)
	timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-c.dirty:
			timer.Reset(quiet)
		case <-timer.C:
			if err := c.collect(ctx); err != nil && ctx.Err() == nil {
				log.G(ctx).WithError(err).Warn("collect garbage")
			}
		}
	}
}

func (c *collector) collect(ctx context.Context) error {
	_, err := c.db.GarbageCollect(ctx)
	if errors.Is(err, context.Canceled) {
		return nil
	}
	return err
}

func (c *collector) stop(ctx context.Context) error {
	if c.cancel == nil {
		return nil
	}
	c.cancel()
	stopped := make(chan struct{})
	go func() { c.done.Wait(); close(stopped) }()
	select {
	case <-stopped:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// Collect frees, now, what nothing names.
func (s *Store) Collect(ctx context.Context) error {
	return s.collector.collect(s.Context(ctx))
}

// collectingLeases honours leases.SynchronousDelete, which containerd's metadata leaves to its user.
type collectingLeases struct {
	leases.Manager
	collector *collector
}

func (l collectingLeases) Delete(ctx context.Context, lease leases.Lease, opts ...leases.DeleteOpt) error {
	var options leases.DeleteOptions
	for _, opt := range opts {
		if err := opt(ctx, &options); err != nil {
			return err
		}
	}
	if err := l.Manager.Delete(ctx, lease, opts...); err != nil {
		return err
	}
	if options.Synchronous {
		return l.collector.collect(ctx)
	}
	return nil
}
