package build

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"

	"github.com/containerd/containerd/v2/core/content"
	"github.com/containerd/containerd/v2/core/images"
	"github.com/containerd/containerd/v2/core/mount"
	"github.com/containerd/errdefs"
	"github.com/containerd/platforms"
	"github.com/moby/buildkit/cache"
	"github.com/moby/buildkit/identity"
	"github.com/opencontainers/go-digest"
	imageidentity "github.com/opencontainers/image-spec/identity"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/seaworthyhq/seaworthy/internal/release"
	"github.com/seaworthyhq/seaworthy/internal/store"
)

// layOut makes the snapshots that replicas of an image start from. The files are there already, in the snapshots of the
// build: those are linked, not written again. Where the build's snapshots are not the image's layers one by one (COPY
// --link merges some), or not as they are, the layers are unpacked as those of any image.
func (b *Builder) layOut(ctx context.Context, target ocispec.Descriptor, ref cache.ImmutableRef, asTheyAre bool) error {
	if target.Platform != nil && !platforms.Default().Match(*target.Platform) {
		return nil // it does not run here
	}
	if ref == nil {
		return nil // it has no files
	}
	if asTheyAre {
		if linked, err := b.linkLayers(ctx, target, ref); err != nil {
			return fmt.Errorf("link layers: %w", err)
		} else if linked {
			return nil
		}
	}
	_, err := b.cfg.Store.Unpack(ctx, release.Digest(target.Digest))
	return err
}

func (b *Builder) linkLayers(ctx context.Context, target ocispec.Descriptor, ref cache.ImmutableRef) (bool, error) {
	ctx, done, err := b.cfg.Store.Client().WithLease(b.cfg.Store.Context(ctx))
	if err != nil {
		return false, err
	}
	defer func() { _ = done(context.WithoutCancel(ctx)) }() // a lease that stays expires by itself
	manifest, err := images.Manifest(ctx, b.cfg.Store.Content(), target, platforms.All)
	if err != nil {
		return false, err
	}
	diffs, err := images.RootFS(ctx, b.cfg.Store.Content(), manifest.Config)
	if err != nil {
		return false, err
	}
	layers := ref.LayerChain()
	defer func() { _ = layers.Release(context.WithoutCancel(ctx)) }()
	if len(layers) != len(diffs) || len(diffs) == 0 {
		return false, nil
	}
	chains := imageidentity.ChainIDs(diffs)
	for i, layer := range layers {
		parent := ""
		if i > 0 {
			parent = chains[i-1].String()
		}
		if ok, err := b.linkLayer(ctx, layer, i+1, chains[i].String(), parent); !ok || err != nil {
			return false, err
		}
	}
	return true, b.holdSnapshot(ctx, manifest.Config.Digest, chains[len(chains)-1])
}

// linkLayer makes the snapshot of one layer, which is the depth-th, on top of its parent. It reports false where it cannot.
func (b *Builder) linkLayer(ctx context.Context, layer cache.ImmutableRef, depth int, chain, parent string) (bool, error) {
	snapshots := b.cfg.Store.Snapshotter()
	if _, err := snapshots.Stat(ctx, chain); err == nil {
		return true, nil
	} else if !errdefs.IsNotFound(err) {
		return false, err
	}
	mountable, err := layer.Mount(ctx, true, nil)
	if err != nil {
		return false, err
	}
	built, release, err := mountable.Mount()
	if err != nil {
		return false, err
	}
	defer func() { _ = release() }() // only views; they go with the record they show
	from := lowerDirs(built)
	if len(from) != depth {
		return false, nil
	}
	key := "layer-" + identity.NewID()
	to, err := snapshots.Prepare(ctx, key, parent)
	if err != nil {
		return false, err
	}
	if err := linkInto(upperDir(to), from[0]); err != nil {
		return false, errors.Join(err, snapshots.Remove(ctx, key))
	}
	if err := snapshots.Commit(ctx, chain, key); err != nil {
		err = errors.Join(err, snapshots.Remove(ctx, key))
		if errdefs.IsAlreadyExists(err) {
			return true, nil // another build was faster
		}
		return false, err
	}
	return true, nil
}

func linkInto(to, from string) error {
	if to == "" {
		return errors.New("snapshot cannot be written to")
	}
	return linkTree(to, from)
}

// holdSnapshot ties the snapshot to the image's config, so that it lives as long as the image does.
func (b *Builder) holdSnapshot(ctx context.Context, config, chain digest.Digest) error {
	label := "containerd.io/gc.ref.snapshot." + store.SnapshotterName
	_, err := b.cfg.Store.Content().Update(ctx,
		content.Info{Digest: config, Labels: map[string]string{label: chain.String()}}, "labels."+label)
	return err
}

// lowerDirs are the folders that a read-only mount of a snapshot shows, the topmost first.
func lowerDirs(mounts []mount.Mount) []string {
	if len(mounts) != 1 {
		return nil
	}
	if m := mounts[0]; m.Type != "overlay" {
		return []string{m.Source}
	}
	for _, option := range mounts[0].Options {
		if dirs, ok := strings.CutPrefix(option, "lowerdir="); ok {
			return strings.Split(dirs, ":")
		}
	}
	return nil
}

// upperDir is the folder that a snapshot in the making is written to.
func upperDir(mounts []mount.Mount) string {
	if len(mounts) != 1 {
		return ""
	}
	if m := mounts[0]; m.Type != "overlay" {
		return filepath.Clean(m.Source)
	}
	for _, option := range mounts[0].Options {
		if dir, ok := strings.CutPrefix(option, "upperdir="); ok {
			return dir
		}
	}
	return ""
}
