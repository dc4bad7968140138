// Package engine is the long-running process: it opens everything that has state, hands the parts to each other, adopts what
// runs, and serves the API. What the parts do is theirs; here is only who gets whom, and what is recorded when.
package engine

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/containerd/containerd/v2/core/mount"
	"github.com/coreos/go-systemd/v22/daemon"
	"golang.org/x/sys/unix"

	"github.com/seaworthyhq/seaworthy/internal/api"
	"github.com/seaworthyhq/seaworthy/internal/build"
	"github.com/seaworthyhq/seaworthy/internal/build/worker"
	"github.com/seaworthyhq/seaworthy/internal/edge"
	"github.com/seaworthyhq/seaworthy/internal/host/machine"
	"github.com/seaworthyhq/seaworthy/internal/pipeline"
	"github.com/seaworthyhq/seaworthy/internal/registry"
	"github.com/seaworthyhq/seaworthy/internal/release"
	"github.com/seaworthyhq/seaworthy/internal/rollout"
	"github.com/seaworthyhq/seaworthy/internal/runtime"
	"github.com/seaworthyhq/seaworthy/internal/secret"
	"github.com/seaworthyhq/seaworthy/internal/state"
	"github.com/seaworthyhq/seaworthy/internal/store"
)

// Config says what an engine is to be.
type Config struct {
	Root     string // state root
	Binary   string // of Seaworthy
	Version  string
	Settings Settings
	File     string // that the settings are from; empty: SettingsPath, if it is there
	OnDemand bool   // started by a verb that needed an engine
}

// Engine is the open state of one engine.
type Engine struct {
	cfg     Config
	log     *slog.Logger
	started time.Time
	life    context.Context // ends with the engine, with errStopping as its cause
	stop    context.CancelFunc

	store    *store.Store
	db       *state.DB
	vault    *secret.Vault
	registry *registry.Registry
	runtime  *runtime.Runtime
	builder  *build.Builder
	edge     *edge.Client
	launch   edge.Launch
	machine  *machine.Machine
	pipeline *pipeline.Pipeline
	images   *images
	turns    *turns
	builds   builds
	rollouts rollouts
	makings  makings
	steps    steps

	unattended sync.Once      // warns
	work       sync.WaitGroup // what goes on without a caller
}

// Run is an engine from its start until ctx ends or it is told to stop. Replicas and edge go on after it.
func Run(ctx context.Context, cfg Config) (err error) {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	life, end := context.WithCancelCause(context.WithoutCancel(ctx))
	defer context.AfterFunc(ctx, func() { end(errStopping) })()
	e := &Engine{cfg: cfg, log: slog.New(slog.NewTextHandler(os.Stderr, nil)), started: time.Now(), life: life, stop: stop, turns: newTurns()}
	defer func() { err = errors.Join(err, e.close()) }()
	if err := e.open(ctx); err != nil {
		return err
	}
	return errors.Join(e.serve(ctx), e.stopWithMachine(context.WithoutCancel(ctx)))
}

func (e *Engine) open(ctx context.Context) error {
	if err := os.MkdirAll(e.cfg.Root, 0o711); err != nil {
		return fmt.Errorf("make state root: %w", err)
	}
	quietLibraries()
	var err error
	if e.store, err = store.Open(ctx, store.Config{Root: e.cfg.Root, Restore: e.recallReleases}); err != nil {
		return err
	}
	if err := e.useOwnTemp(); err != nil {
		return err
	}
	if e.db, err = state.Open(e.cfg.Root); err != nil {
		return err
	}
	if e.vault, err = secret.OpenVault(filepath.Join(e.cfg.Root, "secrets")); err != nil {
		return err
	}
	e.registry, err = registry.New(registry.Config{
		Mirrors: e.cfg.Settings.Mirrors, HostDir: e.cfg.Settings.HostDir, Settings: cmp.Or(e.cfg.File, SettingsPath),
	})
	if err != nil {
		return err
	}
	e.runtime, err = runtime.New(ctx, e.store, runtime.Config{
		Root: e.cfg.Root, Binary: e.cfg.Binary, OCIRuntime: e.cfg.Settings.Runtime,
	})
	if err != nil {
		return err
	}
	if why := e.runtime.PassedOver(); why != nil {
		e.log.Warn("crun is not used", "error", why, "instead", e.runtime.OCIRuntime())
	}
	e.keepReserve()
	if err := e.knowsWhatRuns(); err != nil {
		return err
	}
	if err := e.openBuilder(ctx); err != nil {
		return err
	}
	return e.openMachine(ctx)
}

// useOwnTemp has temporary files lie in the state root, where an engine that was killed leaves them to the next one.
func (e *Engine) useOwnTemp() error {
	dir := filepath.Join(e.cfg.Root, "tmp")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("make folder for temporary files: %w", err)
	}
	left, err := os.ReadDir(dir)
	if err != nil {
		return fmt.Errorf("look for temporary files: %w", err)
	}
	for _, f := range left { // mount points above all; one that is in use stays
		path := filepath.Join(dir, f.Name())
		_ = unix.Unmount(path, unix.MNT_DETACH|unix.UMOUNT_NOFOLLOW)
		_ = os.Remove(path)
	}
	return errors.Join(mount.SetTempMountLocation(dir), os.Setenv("TMPDIR", dir)) // containerd has asked for the latter already
}

func (e *Engine) openBuilder(ctx context.Context) error {
	limits, err := e.cfg.Settings.Build.limits()
	if err != nil {
		return err
	}
	builder, err := build.Open(ctx, build.Config{
		Root: filepath.Join(e.cfg.Root, "build"), Store: e.store,
		Worker: worker.Config{Hosts: e.registry.Hosts(), Network: e.runtime.BuildNetwork(), Limits: limits},
		WhyNot: func(ctx context.Context, ref string) error {
			_, err := e.registry.Resolve(ctx, ref)
			return err
		},
		Settings: cmp.Or(e.cfg.File, SettingsPath),
	})
	if err != nil {
		return err
	}
	e.builder = builder
	e.images = &images{store: e.store, registry: e.registry}
	e.pipeline = &pipeline.Pipeline{Builder: builder, Images: e.images}
	return e.images.sweep(ctx)
}

func (e *Engine) openMachine(ctx context.Context) error {
	var all []state.Environment
	err := e.db.View(func(tx state.Tx) (err error) { all, err = tx.Environments(); return err })
	if err != nil {
		return err
	}
	// Before there is an edge: it begins with the routes that it had, and where a network of theirs is not there, after a
	// restart of the machine, it would look for replicas beyond this machine.
	if err := e.ensureNetworks(ctx, all); err != nil {
		return err
	}
	if e.launch, err = e.installEdge(); err != nil {
		return err
	}
	if e.edge, _, err = e.launch.Ensure(ctx); err != nil {
		return err
	}
	if err := e.dropEdges(e.launch); err != nil {
		return err
	}
	if e.machine, err = machine.New(ctx, e.runtime, e.edge, keeper{e}, e.log); err != nil {
		return err
	}
	e.machine.TrustedProxies = e.cfg.Settings.TrustedProxies
	for _, env := range all {
		e.machine.Adopt(env.Environment, env.Serving, others(env)...)
	}
	return e.machine.Apply(ctx)
}

// ensureNetworks has the networks be there of what serves, and of what a deployment has left half done.
func (e *Engine) ensureNetworks(ctx context.Context, all []state.Environment) error {
	for _, env := range all {
		adopted := others(env)
		if env.Serving != nil {
			adopted = append(adopted, env.Serving.Generation)
		}
		for _, g := range adopted {
			for _, n := range g.Config.Networks {
				if _, err := e.runtime.EnsureNetwork(ctx, env.Environment, n); err != nil {
					return fmt.Errorf("adopt %s: %w", env.Environment, err)
				}
			}
		}
	}
	return nil
}

// others are the generations that an interrupted deployment was about, besides the one that serves.
func others(env state.Environment) []rollout.Generation {
	if env.Pending == nil {
		return nil
	}
	return generations(env.Pending.Desired)
}

func (e *Engine) serve(ctx context.Context) error {
	l, err := api.Listen(e.cfg.Root, e.cfg.Settings.Group)
	if err != nil {
		return err
	}
	defer e.work.Wait()
	defer e.stop()
	e.work.Go(func() { e.machine.Supervise(e.life) })
	e.work.Go(func() { e.superviseEdge(e.life) })
	e.work.Go(func() { e.rotateLogs(e.life) })
	e.work.Go(func() { e.keepFirewall(e.life) })
	e.resumeAll()
	server := &http.Server{
		Handler:     api.WithVersion(e.cfg.Version, e.handler()),
		BaseContext: func(net.Listener) context.Context { return e.life },
	}
	done := make(chan error, 1)
	go func() { done <- server.Serve(l) }()
	e.log.Info("engine ready", "root", e.cfg.Root, "version", e.cfg.Version, "took", time.Since(e.started))
	if _, err := daemon.SdNotify(true, daemon.SdNotifyReady); err != nil {
		e.log.Error("tell systemd that the engine is ready", "error", err)
	}
	select {
	case err = <-done:
		return err
	case <-ctx.Done():
	}
	return shutDown(server)
}

// errStopping is why calls and rollouts are cut when the engine ends. What they had begun is recorded, and the next engine goes
// on with it.
var errStopping error = &release.UserError{
	Kind: release.KindEngine, Err: errors.New("the engine was stopped"),
	Hint: "run the same command again: what was begun is found and finished",
}

// farewell is how long calls that are cut may take to tell their callers.
const farewell = 2 * time.Second

func shutDown(server *http.Server) error {
	ctx, cancel := context.WithTimeout(context.Background(), farewell)
	defer cancel()
	if server.Shutdown(ctx) == nil {
		return nil
	}
	if err := server.Close(); err != nil {
		return fmt.Errorf("close API: %w", err)
	}
	return nil
}

// superviseEdge keeps an edge running and hands each new one the routes.
func (e *Engine) superviseEdge(ctx context.Context) {
	err := e.launch.Supervise(ctx, func(_ edge.Status, err error) {
		if err == nil {
			err = e.machine.Apply(ctx)
		}
		if err != nil && ctx.Err() == nil {
			e.log.Error("restart edge", "error", err)
		}
	})
	if err != nil && ctx.Err() == nil {
		e.log.Error("supervise edge", "error", err)
	}
}

func (e *Engine) close() error {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	var errs []error
	if e.machine != nil {
		e.machine.Close()
	}
	if e.edge != nil && !e.serves() { // nothing of this engine is left then
		errs = append(errs, e.edge.Stop(ctx))
	}
	if e.builder != nil {
		errs = append(errs, e.builder.Close(), e.runtime.BuildNetwork().RemoveBuild(ctx))
	}
	if e.runtime != nil {
		errs = append(errs, e.runtime.Close())
	}
	if e.db != nil {
		e.keepAllSteps()
		errs = append(errs, e.db.Close())
	}
	if e.store != nil {
		errs = append(errs, e.store.Close(ctx))
	}
	return errors.Join(errs...)
}

// knowsWhatRuns refuses a database that knows of no environment where there are replicas: it was lost, and going on
// would take all routes away.
func (e *Engine) knowsWhatRuns() error {
	var known []state.Environment
	err := e.db.View(func(tx state.Tx) (err error) { known, err = tx.Environments(); return err })
	if err != nil || len(known) > 0 || len(e.runtime.Environments()) == 0 {
		return err
	}
	return &release.UserError{
		Kind: release.KindEngine,
		Err:  fmt.Errorf("the database in %s is empty, though replicas of %v are there", e.cfg.Root, e.runtime.Environments()),
		Hint: "put back a copy of state.db; what runs goes on without the engine",
	}
}

// serves reports whether any environment has a service, were it scaled to nothing, or anything that still runs. When in
// doubt it does.
func (e *Engine) serves() bool {
	if len(e.runtime.Environments()) > 0 {
		return true
	}
	found := false
	err := e.db.View(func(tx state.Tx) error {
		all, err := tx.Environments()
		for _, s := range all {
			found = found || s.Serving != nil && len(s.Serving.Generation.Config.Services) > 0
		}
		return err
	})
	return found || err != nil
}

// keeper is the durable side of the machine.
type keeper struct{ engine *Engine }

func (k keeper) KeepServing(_ context.Context, env release.Environment, s rollout.Serving) error {
	return k.engine.write(func(tx state.Tx) error {
		e, err := tx.Environment(env)
		if err != nil {
			return err
		}
		e.Serving = &s
		return tx.PutEnvironment(e)
	})
}

func (k keeper) Secrets(env release.Environment, secrets []release.Secret) (map[string][]byte, error) {
	return k.engine.vault.Values(env, secrets)
}
