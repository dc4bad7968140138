package worker

import (
	"fmt"

	"github.com/moby/buildkit/cache"
	"github.com/moby/buildkit/cache/contenthash"
	"github.com/moby/buildkit/cache/metadata"
)

// forgetHashes takes this worker's records out of BuildKit's content hashes. Those are one for the whole process, and
// would answer the next one on the same root from a database that is closed.
func forgetHashes(index *metadata.Store) error {
	records, err := index.All()
	if err != nil {
		return fmt.Errorf("list cache records: %w", err)
	}
	for _, r := range records {
		contenthash.ClearCacheContext(record{id: r.ID()})
	}
	return nil
}

// record is a cache record of which only the id is asked for.
type record struct {
	cache.RefMetadata
	id string
}

func (r record) ID() string { return r.id }
