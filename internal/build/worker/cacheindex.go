package worker

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/moby/buildkit/cache/metadata"
	bolt "go.etcd.io/bbolt"
)

// What the build cache consists of, below the root.
const (
	workerDir = "worker"   // what each record of the cache is, in snapshots of the store
	keysFile  = "cache.db" // what each record is the result of
	tieFile   = "index"    // the store's index that both belong to
)

// tieCache gives up a cache that belongs to another index of the store: what its records refer to is not there.
func tieCache(root, index string) error {
	if err := os.MkdirAll(root, 0o700); err != nil {
		return err
	}
	path := filepath.Join(root, tieFile)
	tied, err := os.ReadFile(path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if string(tied) == index {
		return nil
	}
	for _, name := range []string{workerDir, keysFile} {
		if err := os.RemoveAll(filepath.Join(root, name)); err != nil {
			return err
		}
	}
	return os.WriteFile(path, []byte(index), 0o600) // whoever loses it loses a cache
}

// openCacheIndex opens what BuildKit knows of its cache. Like the store's index, to which it is tied, it does not wait for
// the disk; BuildKit has no option for that.
func openCacheIndex(path string) (*metadata.Store, error) {
	index, err := metadata.NewStore(path)
	if err != nil {
		return nil, err
	}
	err = index.DB().Update(func(tx *bolt.Tx) error {
		tx.DB().NoSync = true
		return nil
	})
	if err != nil {
		return nil, errors.Join(fmt.Errorf("write without waiting: %w", err), index.Close())
	}
	return index, nil
}
