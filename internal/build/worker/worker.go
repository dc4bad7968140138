// Package worker is BuildKit's worker on the engine's own stores. It runs RUN steps: each in a control group, with a network, held to
// limits, and with what it writes held to what can be told of it. It says in plain words why one could not be run, removes what a
// killed engine has left of them, and owns the build cache: its records, what they are the results of, and how much is kept.
//
// It knows nothing of the Dockerfile, stages and builds, nor of events: who solves tells it by Steps what a process is held to.
package worker

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"

	"github.com/containerd/containerd/v2/core/diff/apply"
	"github.com/containerd/containerd/v2/core/leases"
	"github.com/containerd/containerd/v2/core/remotes/docker"
	"github.com/containerd/containerd/v2/pkg/gc"
	"github.com/containerd/containerd/v2/plugins/diff/walking"
	"github.com/containerd/platforms"
	"github.com/moby/buildkit/executor/oci"
	"github.com/moby/buildkit/executor/resources"
	"github.com/moby/buildkit/executor/runcexecutor"
	containerdsnapshot "github.com/moby/buildkit/snapshot/containerd"
	"github.com/moby/buildkit/solver/bboltcachestorage"
	"github.com/moby/buildkit/util/leaseutil"
	"github.com/moby/buildkit/util/resolver"
	"github.com/moby/buildkit/util/winlayers"
	"github.com/moby/buildkit/worker/base"
	wlabel "github.com/moby/buildkit/worker/label"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
	"golang.org/x/sync/semaphore"

	"github.com/seaworthyhq/seaworthy/internal/host/cgroup"
	"github.com/seaworthyhq/seaworthy/internal/release"
	"github.com/seaworthyhq/seaworthy/internal/store"
)

// Config says what steps are run with, and what they and the cache may take.
type Config struct {
	// Hosts finds the registries (and mirrors) of base images.
	Hosts docker.RegistryHosts
	// Network gives RUN steps their network; nil: the machine's.
	Network NetworkProvider
	DNS     DNS
	// MaxParallelism is how many steps run at once; 0: one for each core, at least 4.
	MaxParallelism int
	// CgroupParent is the control group that all RUN steps run in; empty: DefaultCgroupParent of the root.
	CgroupParent string
	Limits       Limits
	Cache        CachePolicy
}

func (c Config) parallelism() int64 {
	if c.MaxParallelism > 0 {
		return int64(c.MaxParallelism)
	}
	return int64(max(runtime.NumCPU(), 4))
}

// Worker is a BuildKit worker that has no stores of its own: content, snapshots, leases and images are the engine's, so that what a
// build made runs without being exported, imported or kept twice.
type Worker struct {
	*base.Worker
	// Keys are what the records of the cache are the results of.
	Keys *bboltcachestorage.Store

	executors *executors
	steps     Steps
}

// Open opens the build cache below root, or lays it out, and makes a worker for steps. What an engine that was killed left of RUN steps
// is removed first. The store's index is held meanwhile (store.Hold).
func Open(ctx context.Context, root string, s *store.Store, cfg Config, steps Steps) (*Worker, error) {
	if cfg.CgroupParent == "" {
		cfg.CgroupParent = DefaultCgroupParent(root)
	}
	if err := reap(ctx, root, s.Root(), cfg.CgroupParent); err != nil {
		return nil, fmt.Errorf("reap builds that were cut off: %w", err)
	}
	if err := cfg.Limits.apply(cfg.CgroupParent); err != nil {
		return nil, noLimit(err)
	}
	resolver.DefaultPool.Clear() // one for the whole process: it may know another worker's Hosts
	w := &Worker{steps: steps, executors: &executors{parent: cfg.CgroupParent, limits: cfg.Limits}}
	if err := w.open(ctx, root, s, cfg); err != nil {
		return nil, errors.Join(fmt.Errorf("open builder: %w", err), w.Close())
	}
	return w, nil
}

func (w *Worker) open(ctx context.Context, root string, s *store.Store, cfg Config) (err error) {
	if err := tieCache(root, s.Index()); err != nil {
		return fmt.Errorf("tie cache to the store: %w", err)
	}
	if w.Worker, err = w.onStores(ctx, root, s, cfg); err != nil {
		return err
	}
	if w.Keys, err = bboltcachestorage.NewStore(filepath.Join(root, keysFile)); err != nil {
		return fmt.Errorf("open cache keys: %w", err)
	}
	return nil
}

func (w *Worker) onStores(ctx context.Context, buildRoot string, s *store.Store, cfg Config) (*base.Worker, error) {
	if _, err := exec.LookPath("runc"); err != nil {
		return nil, &release.UserError{Kind: release.KindEngine, Err: fmt.Errorf("find runc: %w", err), Hint: "install it: apt-get install runc"}
	}
	root := filepath.Join(buildRoot, workerDir)
	if err := os.MkdirAll(root, 0o700); err != nil {
		return nil, fmt.Errorf("make worker root: %w", err)
	}
	id, err := base.ID(root)
	if err != nil {
		return nil, fmt.Errorf("name worker: %w", err)
	}
	monitor, err := resources.NewMonitor()
	if err != nil {
		return nil, fmt.Errorf("watch resources: %w", err)
	}
	providers := networks(cfg.Network)
	w.executors.Executor, err = runcexecutor.New(runcexecutor.Opt{
		Root:                executorRoot(buildRoot),
		CommandCandidates:   []string{"runc"},
		ProcessMode:         oci.ProcessSandbox,
		DefaultCgroupParent: cfg.CgroupParent,
		ResourceMonitor:     monitor,
		DNS:                 cfg.DNS.oci(),
	}, providers)
	if err != nil {
		return nil, fmt.Errorf("make executor: %w", err)
	}
	snapshots, err := withoutSync(containerdsnapshot.NewSnapshotter(store.SnapshotterName, s.Snapshotter(), store.Namespace, nil))
	if err != nil {
		return nil, err
	}
	index, err := openCacheIndex(filepath.Join(root, "metadata_v2.db"))
	if err != nil {
		return nil, fmt.Errorf("open cache metadata: %w", err)
	}
	blobs := containerdsnapshot.NewContentStore(s.Content(), store.Namespace)
	leaseManager := leaseutil.WithNamespace(s.Leases(), store.Namespace)
	return base.NewWorker(ctx, base.WorkerOpt{
		ID:               id,
		Root:             root,
		Labels:           map[string]string{wlabel.Executor: "oci", wlabel.Snapshotter: store.SnapshotterName},
		Platforms:        []ocispec.Platform{platforms.Normalize(platforms.DefaultSpec())},
		GCPolicy:         cfg.Cache.policy(),
		NetworkProviders: providers,
		Executor:         w.executors,
		Snapshotter:      snapshots,
		ContentStore:     blobs,
		Applier:          winlayers.NewFileSystemApplierWithWindows(blobs, apply.NewFileSystemApplier(blobs)),
		Differ:           winlayers.NewWalkingDiffWithWindows(blobs, walking.NewWalkingDiff(blobs)),
		ImageStore:       namedImages{s.Images()},
		RegistryHosts:    cfg.Hosts,
		LeaseManager:     leaseManager,
		GarbageCollect:   collect(leaseManager),
		ParallelismSem:   semaphore.NewWeighted(cfg.parallelism()),
		MetadataStore:    index,
		MountPoolRoot:    filepath.Join(root, "cachemounts"),
		ResourceMonitor:  monitor,
	})
}

// collect frees what builds have let go of, by giving up a lease synchronously: the metadata has no other call for it.
func collect(lm *leaseutil.Manager) func(context.Context) (gc.Stats, error) {
	return func(ctx context.Context) (gc.Stats, error) {
		l, err := lm.Create(ctx, leases.WithRandomID())
		if err != nil {
			return nil, fmt.Errorf("collect garbage: %w", err)
		}
		return nil, lm.Delete(ctx, l, leases.SynchronousDelete)
	}
}

// Wait returns when no process runs. They outlast the build that was cancelled by the time it takes to kill them.
func (w *Worker) Wait() { w.executors.running.Wait() }

// Close closes the cache. No process may run, and nothing be solved.
func (w *Worker) Close() error {
	var errs []error
	if w.Keys != nil {
		errs = append(errs, w.Keys.Close())
	}
	if w.Worker != nil {
		errs = append(errs, forgetHashes(w.MetadataStore), w.Worker.Close())
	}
	cgroup.RemoveUnused(w.executors.parent)
	return errors.Join(errs...)
}
