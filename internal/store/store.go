// Package store owns the embedded containerd: content, snapshots, image records, leases, the metadata that ties them
// together and the collector that frees what nothing names. It works in process and opens no socket.
//
// It is wired by hand from containerd's libraries rather than from its plugins: what runs is what is listed in Open, and
// opening takes milliseconds. It knows nothing of builds, registries and replicas; they are its users.
package store

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	containerd "github.com/containerd/containerd/v2/client"
	"github.com/containerd/containerd/v2/core/content"
	"github.com/containerd/containerd/v2/core/diff"
	"github.com/containerd/containerd/v2/core/diff/apply"
	"github.com/containerd/containerd/v2/core/events/exchange"
	"github.com/containerd/containerd/v2/core/images"
	"github.com/containerd/containerd/v2/core/leases"
	"github.com/containerd/containerd/v2/core/metadata"
	"github.com/containerd/containerd/v2/core/snapshots"
	"github.com/containerd/containerd/v2/pkg/namespaces"
	"github.com/containerd/containerd/v2/plugins/content/local"
	"github.com/containerd/containerd/v2/plugins/diff/walking"
)

// Namespace is the containerd namespace that everything of Seaworthy's lives in.
const Namespace = "seaworthy"

// SnapshotterName is the name under which the one snapshotter is known to containerd's metadata.
const SnapshotterName = "overlayfs"

// Config says where a Store keeps its state.
type Config struct {
	// Root is the engine's state root; the store uses Root/containerd and locks Root/lock.
	Root string
	// Restore recalls what must have a name when the index is laid out anew: at first, and when the machine went down
	// without the store having been closed. Nil: nothing. Until it has succeeded, each Open begins anew.
	Restore func(context.Context, *Store) error
}

// Store is the open state of one engine. There is one per state root at any time.
type Store struct {
	root        string
	lock        *lock
	seal        *seal
	db          *metadata.DB
	blobs       content.Store
	snapshotter snapshots.Snapshotter // below the metadata; closed last
	leases      leases.Manager
	images      images.Store
	differ      Differ
	events      *exchange.Exchange
	client      *containerd.Client
	collector   *collector
}

// Differ compares snapshots and applies layers to them.
type Differ interface {
	diff.Comparer
	diff.Applier
}

type differ struct {
	diff.Comparer
	diff.Applier
}

// Open locks the state root and opens what is in it, or lays it out. When another engine holds the root, the error is a
// *release.UserError of KindConflict that says who.
func Open(ctx context.Context, cfg Config) (_ *Store, err error) {
	if cfg.Root == "" {
		return nil, errors.New("open store: no state root given")
	}
	lock, err := acquire(cfg.Root)
	if err != nil {
		return nil, err
	}
	s := &Store{root: filepath.Join(cfg.Root, "containerd"), lock: lock, events: exchange.NewExchange()}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.Close(context.WithoutCancel(ctx)))
		}
	}()
	if err := s.open(s.Context(ctx), cfg.Restore); err != nil {
		return nil, fmt.Errorf("open store %s: %w", s.root, err)
	}
	return s, nil
}

func (s *Store) open(ctx context.Context, restore func(context.Context, *Store) error) error {
	if err := os.MkdirAll(s.root, 0o700); err != nil {
		return err
	}
	var err error
	if s.blobs, err = local.NewStore(filepath.Join(s.root, "content")); err != nil {
		return fmt.Errorf("content: %w", err)
	}
	if err := s.openIndex(ctx); err != nil {
		return err
	}
	s.collector = newCollector(s.db)
	s.images = metadata.NewImageStore(s.db)
	s.leases = collectingLeases{Manager: metadata.NewLeaseManager(s.db), collector: s.collector}
	s.differ = differ{
		Comparer: walking.NewWalkingDiff(s.db.ContentStore()),
		Applier:  apply.NewFileSystemApplier(s.db.ContentStore()),
	}
	s.client, err = containerd.New("", containerd.WithDefaultNamespace(Namespace), containerd.WithServices(
		containerd.WithContentStore(s.db.ContentStore()),
		containerd.WithImageStore(s.images),
		containerd.WithSnapshotters(s.db.Snapshotters()),
		containerd.WithContainerStore(metadata.NewContainerStore(s.db)),
		containerd.WithLeasesService(s.leases),
		containerd.WithDiffService(s.differ),
		containerd.WithEventService(s.events),
	))
	if err != nil {
		return err
	}
	if s.Index() == "" {
		if err := s.restoreIndex(ctx, restore); err != nil {
			return err
		}
	}
	s.collector.start() // not before: it takes content that nothing names
	return nil
}

// Close closes everything and gives the state root free. Replicas go on running.
func (s *Store) Close(ctx context.Context) error {
	var errs []error
	if s.collector != nil {
		errs = append(errs, s.collector.stop(ctx))
	}
	if s.client != nil {
		errs = append(errs, s.client.Close())
	}
	if s.db != nil {
		errs = append(errs, s.db.Close())
	}
	if s.snapshotter != nil {
		errs = append(errs, s.snapshotter.Close())
	}
	if s.seal != nil {
		errs = append(errs, s.seal.close(errors.Join(errs...) == nil))
	}
	return errors.Join(append(errs, s.lock.release())...)
}

// Context is ctx in the store's namespace; every call to what the store hands out needs one.
func (s *Store) Context(ctx context.Context) context.Context {
	return namespaces.WithNamespace(ctx, Namespace)
}

// Root is the directory that holds content, snapshots and metadata.
func (s *Store) Root() string { return s.root }

// Client is containerd's own client over the services of this process. It has no tasks: replicas are the runtime's.
func (s *Store) Client() *containerd.Client { return s.client }

// DB is the metadata that content, snapshots, images and leases are tied together by.
func (s *Store) DB() *metadata.DB { return s.db }

// Content is the content store, seen through the metadata: what is written needs a lease or a label that refers to it.
func (s *Store) Content() content.Store { return s.db.ContentStore() }

// Snapshotter is the one snapshotter, seen through the metadata.
func (s *Store) Snapshotter() snapshots.Snapshotter { return s.db.Snapshotter(SnapshotterName) }

// Images are the named image records; what one names is never collected.
func (s *Store) Images() images.Store { return s.images }

// Leases keep content and snapshots from the collector while they are worked on.
func (s *Store) Leases() leases.Manager { return s.leases }

// Differ compares snapshots and applies layers.
func (s *Store) Differ() Differ { return s.differ }

// Events is the exchange that metadata publishes its changes to.
func (s *Store) Events() *exchange.Exchange { return s.events }
