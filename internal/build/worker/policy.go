package worker

import (
	"cmp"
	"time"

	"github.com/moby/buildkit/client"
)

// CachePolicy says how much the build cache may keep. It is about the cache alone: what an image of a release needs is
// held by that image's name.
type CachePolicy struct {
	MaxBytes      int64         // above this the least useful goes; 0: 20 GiB
	ReservedBytes int64         // below this nothing goes; 0: 2 GiB
	MinFreeBytes  int64         // of the disk, that the cache makes room for; 0: 5 GiB
	KeepFor       time.Duration // what was not used for so long goes first; 0: 30 days
}

const gib = 1 << 30

// perishable is what is cheap to make again: synced contexts, checkouts, cache mounts.
const perishable = "type==source.local,type==exec.cachemount,type==source.git.checkout"

func (p CachePolicy) policy() []client.PruneInfo {
	limit := cmp.Or(p.MaxBytes, 20*gib)
	reserved := min(cmp.Or(p.ReservedBytes, 2*gib), limit)
	free := cmp.Or(p.MinFreeBytes, 5*gib)
	return []client.PruneInfo{
		{Filter: []string{perishable}, KeepDuration: 7 * 24 * time.Hour, MaxUsedSpace: limit / 4},
		{KeepDuration: cmp.Or(p.KeepFor, 30*24*time.Hour), ReservedSpace: reserved, MaxUsedSpace: limit, MinFreeSpace: free},
		{ReservedSpace: reserved, MaxUsedSpace: limit, MinFreeSpace: free},
		{All: true, ReservedSpace: reserved, MaxUsedSpace: limit, MinFreeSpace: free},
	}
}
