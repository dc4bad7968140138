package build

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"

	"github.com/containerd/containerd/v2/core/diff/apply"
	"github.com/containerd/containerd/v2/core/leases"
	"github.com/containerd/containerd/v2/pkg/gc"
	"github.com/containerd/containerd/v2/plugins/diff/walking"
	"github.com/containerd/platforms"
	"github.com/moby/buildkit/executor/oci"
	"github.com/moby/buildkit/executor/resources"
	"github.com/moby/buildkit/executor/runcexecutor"
	containerdsnapshot "github.com/moby/buildkit/snapshot/containerd"
	"github.com/moby/buildkit/util/leaseutil"
	"github.com/moby/buildkit/util/winlayers"
	"github.com/moby/buildkit/worker/base"
	wlabel "github.com/moby/buildkit/worker/label"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
	"golang.org/x/sync/semaphore"

	"github.com/seaworthyhq/seaworthy/internal/release"
	"github.com/seaworthyhq/seaworthy/internal/store"
)

// newWorker makes a BuildKit worker that has no stores of its own: content, snapshots, leases and images are the
// engine's, so that what a build made runs without being exported, imported or kept twice.
func newWorker(ctx context.Context, cfg Config, runs *sync.WaitGroup) (*base.Worker, error) {
	if _, err := exec.LookPath("runc"); err != nil {
		return nil, &release.UserError{Kind: release.KindEngine, Err: fmt.Errorf("find runc: %w", err), Hint: "install it: apt-get install runc"}
	}
	root := filepath.Join(cfg.Root, workerDir)
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
	steps, err := runcexecutor.New(runcexecutor.Opt{
		Root:                executorRoot(cfg.Root),
		CommandCandidates:   []string{"runc"},
		ProcessMode:         oci.ProcessSandbox,
		DefaultCgroupParent: cfg.CgroupParent,
		ResourceMonitor:     monitor,
		DNS:                 cfg.DNS.oci(),
	}, providers)
	if err != nil {
		return nil, fmt.Errorf("make executor: %w", err)
	}
	snapshots, err := withoutSync(containerdsnapshot.NewSnapshotter(store.SnapshotterName, cfg.Store.Snapshotter(), store.Namespace, nil))
	if err != nil {
		return nil, err
	}
	index, err := openCacheIndex(filepath.Join(root, "metadata_v2.db"))
	if err != nil {
		return nil, fmt.Errorf("open cache metadata: %w", err)
	}
	blobs := containerdsnapshot.NewContentStore(cfg.Store.Content(), store.Namespace)
	leaseManager := leaseutil.WithNamespace(cfg.Store.Leases(), store.Namespace)
	return base.NewWorker(ctx, base.WorkerOpt{
		ID:               id,
		Root:             root,
		Labels:           map[string]string{wlabel.Executor: "oci", wlabel.Snapshotter: store.SnapshotterName},
		Platforms:        []ocispec.Platform{platforms.Normalize(platforms.DefaultSpec())},
		GCPolicy:         cfg.Cache.policy(),
		NetworkProviders: providers,
		Executor:         &executors{Executor: steps, steps: runs, parent: cfg.CgroupParent, limits: cfg.Limits},
		Snapshotter:      snapshots,
		ContentStore:     blobs,
		Applier:          winlayers.NewFileSystemApplierWithWindows(blobs, apply.NewFileSystemApplier(blobs)),
		Differ:           winlayers.NewWalkingDiffWithWindows(blobs, walking.NewWalkingDiff(blobs)),
		ImageStore:       namedImages{cfg.Store.Images()},
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
