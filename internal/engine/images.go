package engine

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/containerd/containerd/v2/core/content"
	ctdimages "github.com/containerd/containerd/v2/core/images"
	"github.com/containerd/containerd/v2/core/leases"
	"github.com/containerd/errdefs"
	"github.com/containerd/platforms"
	"github.com/moby/buildkit/identity"
	dockerspec "github.com/moby/docker-image-spec/specs-go/v1"
	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/seaworthyhq/seaworthy/internal/event"
	"github.com/seaworthyhq/seaworthy/internal/registry"
	"github.com/seaworthyhq/seaworthy/internal/release"
	"github.com/seaworthyhq/seaworthy/internal/store"
)

// Prefixes of image records. What a build makes has a name of its own until the release that needs it has named it.
const (
	buildingPrefix = "seaworthy.local/building/"
	releasePrefix  = "seaworthy.local/release/"
)

// imageRecord names what keeps an image for a release, fileRecord what keeps a file.
func imageRecord(id release.ID, d release.Digest) string {
	return releasePrefix + string(id) + "/" + d.Short()
}

func fileRecord(id release.ID, d release.Digest) string {
	return releasePrefix + string(id) + "/file-" + d.Short()
}

// fileMediaType is that of the records of what is no image: contents that a release carries.
const fileMediaType = "application/octet-stream"

// images are the images of this engine: pulled, read, and kept by name.
type images struct {
	store    *store.Store
	registry *registry.Registry
}

// Pull brings an image in.
func (i *images) Pull(ctx context.Context, ref string, sink event.Sink) (release.Image, error) {
	return i.registry.Pull(ctx, i.store, ref, sink)
}

// Config is what an image says about itself.
func (i *images) Config(ctx context.Context, img release.Image) (dockerspec.DockerOCIImage, error) {
	var config dockerspec.DockerOCIImage
	ctx = i.store.Context(ctx)
	name, err := registry.RecordName(img)
	if err != nil {
		return config, err
	}
	record, err := i.store.Images().Get(ctx, name)
	if err != nil {
		return config, err
	}
	desc, err := record.Config(ctx, i.store.Content(), platforms.Default())
	if err != nil {
		return config, err
	}
	raw, err := content.ReadBlob(ctx, i.store.Content(), desc)
	if err != nil {
		return config, err
	}
	return config, json.Unmarshal(raw, &config)
}

// building returns names for the images of one build.
func building() (prefix string, name func(step string) string) {
	prefix = buildingPrefix + identity.NewID() + "/"
	return prefix, func(step string) string { return prefix + strings.NewReplacer(":", "-", " ", "-").Replace(step) }
}

// keep names everything that a release needs, so that nothing of it is collected.
func (i *images) keep(ctx context.Context, id release.ID, r release.Release, buildPrefix string, files map[release.Digest][]byte) error {
	ctx = i.store.Context(ctx)
	found, err := i.descriptors(ctx, buildPrefix)
	if err != nil {
		return err
	}
	for _, img := range r.Images() {
		desc, ok := found[img.Digest]
		if !ok {
			return fmt.Errorf("keep image %s of %s: it is not in the store", img.Digest.Short(), id.Short())
		}
		if err := i.name(ctx, imageRecord(id, img.Digest), desc); err != nil {
			return err
		}
	}
	for d, b := range files {
		desc := ocispec.Descriptor{MediaType: fileMediaType, Digest: digest.Digest(d), Size: int64(len(b))}
		if err := i.keepFile(ctx, fileRecord(id, d), desc, b); err != nil {
			return err
		}
	}
	return nil
}

func (i *images) keepFile(ctx context.Context, name string, desc ocispec.Descriptor, b []byte) error {
	lease, err := i.store.Leases().Create(ctx, leases.WithRandomID())
	if err != nil {
		return err
	}
	defer func() { _ = i.store.Leases().Delete(context.WithoutCancel(ctx), lease) }() // the record holds it by then
	ctx = leases.WithLease(ctx, lease.ID)
	if err := content.WriteBlob(ctx, i.store.Content(), "file-"+desc.Digest.String(), bytes.NewReader(b), desc); err != nil {
		return fmt.Errorf("keep file %s: %w", desc.Digest, err)
	}
	return i.name(ctx, name, desc)
}

// descriptors are the targets of all image records of a build and of what was pulled or released before, by digest.
func (i *images) descriptors(ctx context.Context, buildPrefix string) (map[release.Digest]ocispec.Descriptor, error) {
	all, err := i.store.Images().List(ctx)
	if err != nil {
		return nil, fmt.Errorf("list images: %w", err)
	}
	found := map[release.Digest]ocispec.Descriptor{}
	for _, record := range all {
		if strings.HasPrefix(record.Name, buildingPrefix) && !strings.HasPrefix(record.Name, buildPrefix) {
			continue
		}
		found[release.Digest(record.Target.Digest)] = record.Target
	}
	return found, nil
}

func (i *images) name(ctx context.Context, name string, desc ocispec.Descriptor) error {
	_, err := i.store.Images().Create(ctx, ctdimages.Image{Name: name, Target: desc})
	if err != nil && !errdefs.IsAlreadyExists(err) {
		return fmt.Errorf("name image %s: %w", name, err)
	}
	return nil
}

// forget takes the names with this prefix away; what nothing else names is collected.
func (i *images) forget(ctx context.Context, prefix string) error {
	ctx = i.store.Context(ctx)
	all, err := i.store.Images().List(ctx)
	if err != nil {
		return fmt.Errorf("list images: %w", err)
	}
	for _, record := range all {
		if !strings.HasPrefix(record.Name, prefix) {
			continue
		}
		if err := i.store.Images().Delete(ctx, record.Name); err != nil && !errdefs.IsNotFound(err) {
			return fmt.Errorf("forget image %s: %w", record.Name, err)
		}
	}
	return nil
}

// retain takes away the names of images that are not needed: of releases that are not kept, and what was pulled before the
// given time and is neither released nor pinned.
func (i *images) retain(ctx context.Context, n needs, before time.Time) (int, error) {
	ctx = i.store.Context(ctx)
	all, err := i.store.Images().List(ctx)
	if err != nil {
		return 0, fmt.Errorf("list images: %w", err)
	}
	gone := map[release.ID]bool{}
	for _, id := range n.superfluous {
		gone[id] = true
	}
	taken := 0
	for _, record := range all {
		rest, released := strings.CutPrefix(record.Name, releasePrefix)
		id, _, _ := strings.Cut(rest, "/")
		keep := record.CreatedAt.After(before) || strings.HasPrefix(record.Name, buildingPrefix)
		switch {
		case released:
			keep = n.releases[release.ID(id)] || keep && !gone[release.ID(id)]
		case n.images[release.Digest(record.Target.Digest)]:
			keep = true
		}
		if keep {
			continue
		}
		if err := i.store.Images().Delete(ctx, record.Name); err != nil && !errdefs.IsNotFound(err) {
			return taken, fmt.Errorf("forget image %s: %w", record.Name, err)
		}
		taken++
	}
	return taken, nil
}

// sweep forgets what builds of an earlier engine left.
func (i *images) sweep(ctx context.Context) error {
	return i.forget(ctx, buildingPrefix)
}
