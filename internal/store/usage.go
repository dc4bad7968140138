package store

import (
	"context"
	"fmt"

	"github.com/containerd/containerd/v2/core/content"
	"github.com/containerd/containerd/v2/core/snapshots"
)

// Usage is the disk space that the store takes, in bytes.
type Usage struct {
	Content   int64 `json:"content"`
	Snapshots int64 `json:"snapshots"`
}

// Total is all of it.
func (u Usage) Total() int64 { return u.Content + u.Snapshots }

// Usage measures what the store takes now.
func (s *Store) Usage(ctx context.Context) (Usage, error) {
	ctx = s.Context(ctx)
	var u Usage
	err := s.Content().Walk(ctx, func(info content.Info) error {
		u.Content += info.Size
		return nil
	})
	if err != nil {
		return u, fmt.Errorf("measure content: %w", err)
	}
	err = s.Snapshotter().Walk(ctx, func(ctx context.Context, info snapshots.Info) error {
		usage, err := s.Snapshotter().Usage(ctx, info.Name)
		u.Snapshots += usage.Size
		return err
	})
	if err != nil {
		return u, fmt.Errorf("measure snapshots: %w", err)
	}
	return u, nil
}
