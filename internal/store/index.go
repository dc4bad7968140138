package store

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/containerd/containerd/v2/core/metadata"
	"github.com/containerd/containerd/v2/core/snapshots"
	"github.com/containerd/containerd/v2/core/snapshots/storage"
	"github.com/containerd/containerd/v2/plugins/snapshots/overlay"
	"github.com/containerd/errdefs"
	"github.com/moby/buildkit/identity"
	"github.com/moby/sys/mountinfo"
	bolt "go.etcd.io/bbolt"
)

// openIndex opens what ties content together, which is called the index: containerd's metadata, and the snapshots that images
// are laid out as. Where there is none to be trusted, it lays one out in which nothing has a name, and the seal speaks for none yet.
func (s *Store) openIndex(ctx context.Context) (err error) {
	if s.seal, err = openSeal(s.root); err != nil {
		return fmt.Errorf("open seal: %w", err)
	}
	if s.seal.id == "" {
		if err := s.adoptIndex(); err != nil {
			return err
		}
	}
	if s.snapshotter, err = openSnapshotter(ctx, filepath.Join(s.root, "snapshots")); err != nil {
		return fmt.Errorf("snapshots: %w", err)
	}
	if s.db, err = s.openMetadata(ctx, filepath.Join(s.root, "metadata.db")); err != nil {
		return fmt.Errorf("metadata: %w", err)
	}
	return nil
}

// adoptIndex trusts an index without a seal if something of it is mounted, which is no other boot's: something may run from it.
// Otherwise it drops the index.
func (s *Store) adoptIndex() error {
	mounted, err := mountinfo.GetMounts(func(m *mountinfo.Info) (skip, stop bool) {
		ours := strings.Contains(m.VFSOptions, filepath.Join(s.root, "snapshots")+"/")
		return !ours, ours
	})
	switch {
	case err != nil:
		return fmt.Errorf("look for what is mounted of snapshots: %w", err)
	case len(mounted) > 0:
		return s.seal.begin(identity.NewID())
	}
	if err := s.dropIndex(); err != nil {
		return fmt.Errorf("drop what cannot be trusted: %w", err)
	}
	return nil
}

func (s *Store) dropIndex() error {
	return errors.Join(
		os.RemoveAll(filepath.Join(s.root, "snapshots")),
		os.RemoveAll(filepath.Join(s.root, "metadata.db")),
		os.RemoveAll(filepath.Join(s.root, "content", "ingest")),
	)
}

// restoreIndex has a new index name what must have a name.
func (s *Store) restoreIndex(ctx context.Context, restore func(context.Context, *Store) error) error {
	if restore != nil {
		if err := restore(ctx, s); err != nil {
			return fmt.Errorf("restore index: %w", err)
		}
	}
	return s.seal.begin(identity.NewID())
}

// Index names the index. What refers to its snapshots and leases, as a build cache does, means nothing with another one.
func (s *Store) Index() string { return s.seal.id }

// Hold is for those who write, without waiting for the disk, what belongs to the index: until some time after release was called,
// a machine that goes down makes the index, and with it what belongs to it, be laid out anew.
func (s *Store) Hold() (release func(), err error) { return s.seal.hold() }

// sealed is a database that a seal speaks for.
type sealed struct {
	*bolt.DB
	seal *seal
}

func (d sealed) Update(change func(*bolt.Tx) error) error {
	release, err := d.seal.hold()
	if err != nil {
		return err
	}
	defer release()
	return d.DB.Update(change)
}

func openSnapshotter(ctx context.Context, root string) (snapshots.Snapshotter, error) {
	db, err := storage.NewMetaStore(filepath.Join(root, "metadata.db"), func(o *bolt.Options) error {
		o.NoSync = true
		return nil
	})
	if err != nil {
		return nil, err
	}
	// Removed snapshots are only renamed at first; the collector's cleanup deletes them outside any transaction.
	sn, err := overlay.NewSnapshotter(root, overlay.AsynchronousRemove, overlay.WithMetaStore(db))
	if err != nil {
		return nil, err
	}
	if err := removeLeftFolders(ctx, root, sn); err != nil {
		return nil, errors.Join(fmt.Errorf("remove folders of no snapshot: %w", err), sn.Close())
	}
	return sn, nil
}

// removeLeftFolders removes what a process that was killed while it made a snapshot has left: a folder whose number the next
// snapshot gets, which could not be made then.
func removeLeftFolders(ctx context.Context, root string, sn snapshots.Snapshotter) error {
	err := sn.(snapshots.Cleaner).Cleanup(ctx)
	if !errdefs.IsNotFound(err) {
		return err
	}
	folders, err := filepath.Glob(filepath.Join(root, "snapshots", "*")) // there has never been a whole one
	for _, folder := range folders {
		err = errors.Join(err, os.RemoveAll(folder))
	}
	return err
}

func (s *Store) openMetadata(ctx context.Context, path string) (*metadata.DB, error) {
	options := *bolt.DefaultOptions
	options.NoFreelistSync = true // as containerd does: a torn freelist cannot keep the database from opening
	options.NoStatistics = true
	options.NoSync = true // the seal's to wait
	bdb, err := bolt.Open(path, 0o600, &options)
	if err != nil {
		return nil, err
	}
	db := metadata.NewDB(sealed{bdb, s.seal}, s.blobs, map[string]snapshots.Snapshotter{SnapshotterName: s.snapshotter},
		metadata.WithEventsPublisher(s.events))
	if err := db.Init(ctx); err != nil {
		return nil, errors.Join(err, bdb.Close())
	}
	return db, nil
}
