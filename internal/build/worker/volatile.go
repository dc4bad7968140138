package worker

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/containerd/containerd/v2/core/mount"
	"github.com/containerd/containerd/v2/pkg/kernelversion"
	"github.com/moby/buildkit/snapshot"
)

// volatileSnapshots has nothing of what a build writes wait for the disk: unmounting a layer does not, and neither does a program in
// a RUN step that calls fsync, as dpkg does for each file. After a loss of power no layer is used that was not on disk whole before
// (store.Index), so that nothing is lost but time; an image's content is synced as it is written, when it is.
type volatileSnapshots struct{ snapshot.Snapshotter }

// withoutSync is the snapshotter with volatile mounts, where the kernel has them.
func withoutSync(s snapshot.Snapshotter) (snapshot.Snapshotter, error) {
	ok, err := kernelversion.GreaterEqualThan(kernelversion.KernelVersion{Kernel: 5, Major: 10})
	if err != nil {
		return nil, fmt.Errorf("ask kernel for its version: %w", err)
	}
	if !ok {
		return s, nil
	}
	return volatileSnapshots{s}, nil
}

func (s volatileSnapshots) Mounts(ctx context.Context, key string) (snapshot.Mountable, error) {
	m, err := s.Snapshotter.Mounts(ctx, key)
	if err != nil {
		return nil, err
	}
	return volatileMount{m}, nil
}

type volatileMount struct{ snapshot.Mountable }

func (m volatileMount) Mount() ([]mount.Mount, func() error, error) {
	mounts, release, err := m.Mountable.Mount()
	if err != nil {
		return nil, nil, err
	}
	mounts = slices.Clone(mounts)
	for i, each := range mounts {
		work := option(each, "workdir=")
		if each.Type != "overlay" || work == "" {
			continue
		}
		// The kernel marks a layer that was mounted so, and refuses it afterwards, since it might have been cut off before it was on disk
		// (https://docs.kernel.org/filesystems/overlayfs.html#volatile-mount).
		if err := os.RemoveAll(filepath.Join(work, "work", "incompat")); err != nil {
			return nil, nil, fmt.Errorf("mount layer again: %w", err)
		}
		mounts[i].Options = append(slices.Clone(each.Options), "volatile")
	}
	for _, m := range mounts {
		if err := checkLayers(m); err != nil {
			return nil, nil, errors.Join(err, release())
		}
	}
	return mounts, release, nil
}

// option is the value of a mount's option; empty: it has none.
func option(m mount.Mount, prefix string) string {
	for _, o := range m.Options {
		if value, ok := strings.CutPrefix(o, prefix); ok {
			return value
		}
	}
	return ""
}
