package build

import (
	"context"
	"fmt"
	"runtime/debug"
	"sync"
	"time"

	"github.com/containerd/log"
	"github.com/moby/buildkit/client"
)

// PruneOptions says what of the cache to give up.
type PruneOptions struct {
	All     bool          // also what BuildKit keeps for itself
	KeepFor time.Duration // spare what was used within; 0: spare nothing
	Keep    int64         // bytes to leave; 0: none
}

// Prune gives up build cache that no build is using and returns how many bytes that freed. Images stay whole: what they
// share with the cache is not freed.
func (b *Builder) Prune(ctx context.Context, opts PruneOptions) (freed int64, err error) {
	freed, err = b.prune(ctx, client.PruneInfo{All: opts.All, KeepDuration: opts.KeepFor, MaxUsedSpace: opts.Keep})
	if err != nil {
		return freed, fmt.Errorf("prune build cache: %w", err)
	}
	if err := b.cacheKeys.ReleaseUnreferenced(ctx); err != nil {
		return freed, fmt.Errorf("prune cache keys: %w", err)
	}
	return freed, nil
}

// Usage is what the build cache takes, in bytes.
type Usage struct {
	Total   int64 `json:"total"`
	InUse   int64 `json:"inUse"` // by builds that run
	Records int   `json:"records"`
}

// DiskUsage measures the build cache.
func (b *Builder) DiskUsage(ctx context.Context) (Usage, error) {
	release, err := b.cfg.Store.Hold() // what was measured is kept
	if err != nil {
		return Usage{}, err
	}
	defer release()
	records, err := b.worker.DiskUsage(ctx, client.DiskUsageInfo{})
	if err != nil {
		return Usage{}, fmt.Errorf("measure build cache: %w", err)
	}
	u := Usage{Records: len(records)}
	for _, r := range records {
		u.Total += r.Size
		if r.InUse {
			u.InUse += r.Size
		}
	}
	return u, nil
}

func (b *Builder) prune(ctx context.Context, infos ...client.PruneInfo) (int64, error) {
	release, err := b.cfg.Store.Hold()
	if err != nil {
		return 0, err
	}
	defer release()
	freed := make(chan client.UsageInfo)
	total := make(chan int64)
	go func() {
		var sum int64
		for u := range freed {
			if !u.Shared { // with an image
				sum += u.Size
			}
		}
		total <- sum
	}()
	err = b.worker.Prune(ctx, freed, infos...)
	close(freed)
	return <-total, err
}

// sweepPause is the least time between two sweeps: one takes a walk over all records.
const sweepPause = time.Minute

// idlePause is how long after a build the next one is not expected any more.
const idlePause = 3 * time.Second

// sweeper keeps the cache within its policy, some time after builds.
type sweeper struct {
	builder *Builder
	wake    chan struct{}
	cancel  context.CancelFunc
	done    sync.WaitGroup
}

func startSweeper(b *Builder) *sweeper {
	ctx, cancel := context.WithCancel(context.Background())
	s := &sweeper{builder: b, wake: make(chan struct{}, 1), cancel: cancel}
	s.done.Go(func() { s.run(ctx) })
	return s
}

// built says that the cache may have grown.
func (s *sweeper) built() {
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

func (s *sweeper) run(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-s.wake:
		}
		s.settle(ctx)
		if ctx.Err() != nil {
			return
		}
		if _, err := s.builder.prune(ctx, s.builder.worker.GCPolicy()...); err != nil && ctx.Err() == nil {
			log.G(ctx).WithError(err).Warn("sweep build cache")
		}
		if err := s.builder.lists.sweep(); err != nil {
			log.G(ctx).WithError(err).Warn("sweep file lists")
		}
		debug.FreeOSMemory() // the engine may be idle for days now
	}
}

// settle lets the time until the next sweep pass. Some seconds after each build it gives back the memory that the build took:
// Go keeps it for a while, and nothing an idle engine does makes it let go.
func (s *sweeper) settle(ctx context.Context) {
	sweep, idle := time.After(sweepPause), time.After(idlePause)
	for {
		select {
		case <-ctx.Done():
			return
		case <-s.wake:
			idle = time.After(idlePause)
		case <-idle:
			debug.FreeOSMemory()
		case <-sweep:
			return
		}
	}
}

func (s *sweeper) stop() {
	s.cancel()
	s.done.Wait()
}
