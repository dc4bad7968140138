// Package build owns BuildKit: it builds the stages of a Dockerfile on the engine's own stores, tells what happens by
// stage and instruction, and keeps the images that come out of it under their names.
//
// It knows nothing of projects, roles and releases: a Request says which stages are images and which only have to build.
package build

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"sync"

	"github.com/moby/buildkit/cmd/buildkitd/config"
	"github.com/moby/buildkit/frontend"
	"github.com/moby/buildkit/frontend/gateway"
	"github.com/moby/buildkit/session"
	containerdsnapshot "github.com/moby/buildkit/snapshot/containerd"
	"github.com/moby/buildkit/solver"
	"github.com/moby/buildkit/solver/llbsolver"
	"github.com/moby/buildkit/solver/llbsolver/history"
	"github.com/moby/buildkit/util/db/boltutil"
	"github.com/moby/buildkit/util/leaseutil"
	bkworker "github.com/moby/buildkit/worker"
	"github.com/opencontainers/go-digest"

	"github.com/seaworthyhq/seaworthy/internal/build/worker"
	"github.com/seaworthyhq/seaworthy/internal/store"
)

// Config says where a Builder works and what it may take.
type Config struct {
	// Root is the folder of BuildKit's own state: what is cached, and where RUN steps are set up.
	Root   string
	Store  *store.Store
	Worker worker.Config
	// WhyNot asks for an image once more that no registry has given, and returns a *release.UserError with what each has answered.
	// Nil: what BuildKit knows is enough.
	WhyNot func(ctx context.Context, ref string) error
	// Settings is the file that the engine's settings are in, for hints.
	Settings string
}

func (c Config) settings() string { return cmp.Or(c.Settings, "the engine's settings") }

// Builder builds. One is open per state root.
type Builder struct {
	cfg       Config
	solver    *llbsolver.Solver
	worker    *worker.Worker
	workers   *bkworker.Controller
	sessions  *session.Manager
	pins      *pins
	lists     *lists
	cacheKeys solver.CacheManager
	gc        *sweeper
	closers   []func() error // in the order they were opened

	alike alike // what the builds that run do

	mu     sync.Mutex
	builds map[string]*running // by id
	active sync.WaitGroup      // builds
	closed bool

	closing  sync.Once
	closeErr error
}

// Open opens the build state, or lays it out. What an engine that was killed left of RUN steps is removed first.
func Open(ctx context.Context, cfg Config) (_ *Builder, err error) {
	if err := os.MkdirAll(cfg.Root, 0o711); err != nil {
		return nil, fmt.Errorf("make build root: %w", err)
	}
	b := &Builder{cfg: cfg, builds: map[string]*running{}, alike: alike{all: map[digest.Digest]*alikeNode{}, running: map[*progress]int{}}}
	defer func() {
		if err != nil {
			err = errors.Join(err, b.release())
		}
	}()
	release, err := cfg.Store.Hold()
	if err != nil {
		return nil, fmt.Errorf("open builder: %w", err)
	}
	defer release()
	if b.worker, err = worker.Open(ctx, cfg.Root, cfg.Store, cfg.Worker, steps{b}); err != nil {
		return nil, err
	}
	b.closers = append(b.closers, b.worker.Close)
	if err := b.open(ctx); err != nil {
		return nil, fmt.Errorf("open builder: %w", err)
	}
	return b, nil
}

func (b *Builder) open(ctx context.Context) (err error) {
	if b.pins, err = openPins(filepath.Join(b.cfg.Root, "bases")); err != nil {
		return err
	}
	if b.lists, err = openLists(filepath.Join(b.cfg.Root, "inputs")); err != nil {
		return err
	}
	b.workers = &bkworker.Controller{}
	if err := b.workers.Add(b.worker); err != nil {
		return err
	}
	if b.sessions, err = session.NewManager(); err != nil {
		return err
	}
	records, err := b.noHistory()
	if err != nil {
		return err
	}
	gw, err := gateway.NewGatewayFrontend(b.workers.Infos(), nil)
	if err != nil {
		return err
	}
	b.cacheKeys = solver.NewCacheManager(ctx, "local", b.worker.Keys, bkworker.NewCacheResultStorage(b.workers))
	b.solver, err = llbsolver.New(llbsolver.Opt{
		CacheManager:     b.cacheKeys,
		Frontends:        map[string]frontend.Frontend{frontendName: (*stagesFrontend)(b), "gateway.v0": gw},
		SessionManager:   b.sessions,
		WorkerController: b.workers,
		HistoryQueue:     records,
		Entitlements:     []string{"network.host", "security.insecure"},
		ResourceMonitor:  b.worker.ResourceMonitor,
	})
	if err != nil {
		return err
	}
	b.closers = append(b.closers, b.solver.Close)
	b.gc = startSweeper(b)
	return nil
}

// noHistory is a history that keeps nothing: the ledger and the event stream are ours. The solver wants one to read from.
func (b *Builder) noHistory() (*history.Queue, error) {
	db, err := boltutil.SafeOpen(filepath.Join(b.cfg.Root, "history.db"), 0o600, nil)
	if err != nil {
		return nil, fmt.Errorf("open history: %w", err)
	}
	b.closers = append(b.closers, db.Close)
	none := int64(0)
	return history.NewQueue(history.QueueOpt{
		DB:           db,
		LeaseManager: leaseutil.WithNamespace(b.cfg.Store.Leases(), store.Namespace),
		ContentStore: containerdsnapshot.NewContentStore(b.cfg.Store.Content(), store.Namespace),
		CleanConfig:  &config.HistoryConfig{MaxEntries: &none},
	})
}

// HandleSession serves one connection of a build session until either end closes it. meta is the handshake that
// session.Dialer was given.
func (b *Builder) HandleSession(ctx context.Context, conn net.Conn, meta map[string][]string) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	return b.sessions.HandleConn(ctx, &watchedConn{Conn: conn, lost: cancel}, meta)
}

// watchedConn ends its session when it is closed. BuildKit by itself would notice at the second failed health check.
type watchedConn struct {
	net.Conn
	lost context.CancelCauseFunc
}

func (c *watchedConn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	if err != nil {
		c.lost(fmt.Errorf("build session lost: %w", err))
	}
	return n, err
}

// Close cancels the builds that run, waits for them and closes the build state.
func (b *Builder) Close() error {
	b.mu.Lock()
	b.closed = true
	for _, r := range b.builds {
		r.cancel(errClosed)
	}
	b.mu.Unlock()
	b.active.Wait()
	b.worker.Wait()
	b.closing.Do(func() { b.closeErr = b.release() })
	return b.closeErr
}

func (b *Builder) release() error {
	if b.gc != nil {
		b.gc.stop()
	}
	var errs []error
	for i := len(b.closers) - 1; i >= 0; i-- {
		errs = append(errs, b.closers[i]())
	}
	return errors.Join(errs...)
}

var errClosed = errors.New("the engine is stopping")
