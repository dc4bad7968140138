package worker

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/containerd/containerd/v2/core/mount"
	"github.com/moby/sys/mountinfo"
	"golang.org/x/sys/unix"

	"github.com/seaworthyhq/seaworthy/internal/host/cgroup"
)

// reap removes what RUN steps leave behind when the engine is killed: processes, control groups, mounts and bundles.
// Network namespaces are their provider's.
func reap(ctx context.Context, root, storeRoot, group string) error {
	// By control group, which holds the processes also where runc was cut off before it knew of them.
	if err := cgroup.Kill(group); err != nil {
		return err
	}
	bundles := executorRoot(root)
	entries, err := os.ReadDir(bundles)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	for _, e := range entries {
		if !e.IsDir() {
			continue
		}
		// Forgets runc's own state. After a restart of the machine there is none, which is as well.
		_ = exec.CommandContext(ctx, "runc", "delete", "--force", e.Name()).Run()
		if err := unmountBelow(filepath.Join(bundles, e.Name())); err != nil {
			return err
		}
		if err := os.RemoveAll(filepath.Join(bundles, e.Name())); err != nil {
			return err
		}
	}
	cgroup.RemoveUnused(group)
	if err := unmountBelow(root); err != nil {
		return err
	}
	return unmountStrays(storeRoot)
}

func unmountBelow(dir string) error {
	mounts, err := mountinfo.GetMounts(mountinfo.PrefixFilter(dir))
	if err != nil {
		return fmt.Errorf("list mounts: %w", err)
	}
	for i := len(mounts) - 1; i >= 0; i-- {
		if err := mount.UnmountAll(mounts[i].Mountpoint, unix.MNT_DETACH); err != nil {
			return fmt.Errorf("unmount %s: %w", mounts[i].Mountpoint, err)
		}
	}
	return nil
}

// unmountStrays finds what BuildKit had mounted for itself: temporary folders that show a snapshot of our store.
func unmountStrays(storeRoot string) error {
	pattern := filepath.Join(os.TempDir(), "buildkit-mount")
	mounts, err := mountinfo.GetMounts(func(m *mountinfo.Info) (skip, stop bool) {
		ours := strings.Contains(m.VFSOptions, storeRoot) || strings.Contains(m.Root, storeRoot)
		return !ours || !strings.HasPrefix(m.Mountpoint, pattern), false
	})
	if err != nil {
		return fmt.Errorf("list mounts: %w", err)
	}
	for _, m := range mounts {
		if err := mount.UnmountAll(m.Mountpoint, unix.MNT_DETACH); err != nil {
			return fmt.Errorf("unmount %s: %w", m.Mountpoint, err)
		}
		_ = os.Remove(m.Mountpoint) // an empty folder more in the temporary ones does no harm
	}
	return nil
}
