package store

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/containerd/containerd/v2/core/content"
	"github.com/containerd/containerd/v2/core/images"
	"github.com/containerd/containerd/v2/core/snapshots"
	"github.com/containerd/containerd/v2/pkg/rootfs"
	"github.com/containerd/errdefs"
	"github.com/containerd/platforms"
	"github.com/opencontainers/go-digest"
	"github.com/opencontainers/image-spec/identity"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/seaworthyhq/seaworthy/internal/release"
)

// Image is what replicas are made of.
type Image struct {
	Manifest ocispec.Descriptor
	Config   ocispec.Image
	// Health is the image's HEALTHCHECK, or nil. The OCI specification has none; Docker and BuildKit write it all the same.
	Health *release.Health
	// Chain is the name of the committed snapshot of all layers, which is there once the image has been unpacked.
	Chain string
}

// Unpack returns the image of that digest, a manifest's or an index's, for the machine's platform, with its layers laid out
// as snapshots. Layers that are laid out already cost two lookups.
func (s *Store) Unpack(ctx context.Context, dgst release.Digest) (Image, error) {
	ctx = s.Context(ctx)
	img, err := s.readImage(ctx, dgst)
	if err != nil {
		return Image{}, fmt.Errorf("read image %s: %w", dgst.Short(), err)
	}
	if _, err := s.Snapshotter().Stat(ctx, img.Chain); err == nil {
		return img, nil
	} else if !errdefs.IsNotFound(err) {
		return Image{}, fmt.Errorf("find snapshot of image %s: %w", dgst.Short(), err)
	}
	if err := s.applyLayers(ctx, img); err != nil {
		return Image{}, fmt.Errorf("unpack image %s: %w", dgst.Short(), err)
	}
	return img, nil
}

func (s *Store) readImage(ctx context.Context, dgst release.Digest) (Image, error) {
	var img Image
	info, err := s.Content().Info(ctx, digest.Digest(dgst))
	if err != nil {
		return img, err
	}
	target := ocispec.Descriptor{Digest: info.Digest, Size: info.Size}
	if target.MediaType, err = s.mediaType(ctx, target); err != nil {
		return img, err
	}
	if img.Manifest, err = s.manifestFor(ctx, target); err != nil {
		return img, err
	}
	manifest, err := images.Manifest(ctx, s.Content(), img.Manifest, platforms.Default())
	if err != nil {
		return img, err
	}
	if err := s.readJSON(ctx, manifest.Config, &img.Config); err != nil {
		return img, fmt.Errorf("config: %w", err)
	}
	if img.Health, err = s.readHealth(ctx, manifest.Config); err != nil {
		return img, fmt.Errorf("health check: %w", err)
	}
	img.Chain = identity.ChainID(img.Config.RootFS.DiffIDs).String()
	return img, nil
}

// Image reads the image of that digest for the machine's platform, without laying it out.
func (s *Store) Image(ctx context.Context, dgst release.Digest) (Image, error) {
	img, err := s.readImage(s.Context(ctx), dgst)
	if err != nil {
		return Image{}, fmt.Errorf("read image %s: %w", dgst.Short(), err)
	}
	return img, nil
}

// readHealth reads Docker's addition to the image configuration; its times are in nanoseconds.
func (s *Store) readHealth(ctx context.Context, config ocispec.Descriptor) (*release.Health, error) {
	var doc struct {
		Config struct {
			Healthcheck *struct {
				Test          []string
				Interval      time.Duration
				Timeout       time.Duration
				StartPeriod   time.Duration
				StartInterval time.Duration
				Retries       int
			}
		} `json:"config"`
	}
	if err := s.readJSON(ctx, config, &doc); err != nil || doc.Config.Healthcheck == nil {
		return nil, err
	}
	h := doc.Config.Healthcheck
	return &release.Health{
		Test: h.Test, Interval: release.Duration(h.Interval), Timeout: release.Duration(h.Timeout), Retries: h.Retries,
		StartPeriod: release.Duration(h.StartPeriod), StartInterval: release.Duration(h.StartInterval),
	}, nil
}

// manifestFor is target, or the manifest in an index that suits this machine best.
func (s *Store) manifestFor(ctx context.Context, target ocispec.Descriptor) (ocispec.Descriptor, error) {
	if !images.IsIndexType(target.MediaType) {
		return target, nil
	}
	var index ocispec.Index
	if err := s.readJSON(ctx, target, &index); err != nil {
		return ocispec.Descriptor{}, err
	}
	want := platforms.Default()
	best := -1
	for i, d := range index.Manifests {
		if d.Platform == nil || !want.Match(*d.Platform) {
			continue
		}
		if best < 0 || want.Less(*d.Platform, *index.Manifests[best].Platform) {
			best = i
		}
	}
	if best < 0 {
		return ocispec.Descriptor{}, fmt.Errorf("index has no image for %s: %w", platforms.DefaultString(), errdefs.ErrNotFound)
	}
	return index.Manifests[best], nil
}

// mediaType reads the type that a manifest or index names itself; content alone does not tell it.
func (s *Store) mediaType(ctx context.Context, target ocispec.Descriptor) (string, error) {
	var doc struct {
		MediaType string          `json:"mediaType"`
		Manifests json.RawMessage `json:"manifests"`
	}
	if err := s.readJSON(ctx, target, &doc); err != nil {
		return "", err
	}
	switch {
	case doc.MediaType != "":
		return doc.MediaType, nil
	case doc.Manifests != nil:
		return ocispec.MediaTypeImageIndex, nil
	default:
		return ocispec.MediaTypeImageManifest, nil
	}
}

func (s *Store) readJSON(ctx context.Context, desc ocispec.Descriptor, v any) error {
	b, err := content.ReadBlob(ctx, s.Content(), desc)
	if err != nil {
		return err
	}
	return json.NewDecoder(bytes.NewReader(b)).Decode(v)
}

func (s *Store) applyLayers(ctx context.Context, img Image) error {
	ctx, done, err := s.client.WithLease(ctx)
	if err != nil {
		return err
	}
	defer func() { _ = done(context.WithoutCancel(ctx)) }() // a lease that stays expires by itself
	manifest, err := images.Manifest(ctx, s.Content(), img.Manifest, platforms.Default())
	if err != nil {
		return err
	}
	diffIDs := img.Config.RootFS.DiffIDs
	if len(manifest.Layers) != len(diffIDs) {
		return fmt.Errorf("manifest has %d layers, config %d", len(manifest.Layers), len(diffIDs))
	}
	layers := make([]rootfs.Layer, len(diffIDs))
	for i, layer := range manifest.Layers {
		layers[i] = rootfs.Layer{
			Diff: ocispec.Descriptor{MediaType: ocispec.MediaTypeImageLayer, Digest: diffIDs[i]},
			Blob: layer,
		}
	}
	if len(layers) > 0 {
		if _, err := rootfs.ApplyLayers(ctx, layers, s.Snapshotter(), s.differ); err != nil {
			return err
		}
	} else if err := s.emptyChain(ctx, img.Chain); err != nil {
		return err
	}
	return s.holdSnapshot(ctx, manifest.Config.Digest, img.Chain)
}

// emptyChain stands in for the layers of an image that has none.
func (s *Store) emptyChain(ctx context.Context, chain string) error {
	key := "empty-" + chain
	if _, err := s.Snapshotter().Prepare(ctx, key, ""); err != nil {
		return err
	}
	return s.Snapshotter().Commit(ctx, chain, key, snapshots.WithLabels(nil))
}

// holdSnapshot ties the snapshot to the image's config, so that it lives as long as the image does.
func (s *Store) holdSnapshot(ctx context.Context, config digest.Digest, chain string) error {
	label := "containerd.io/gc.ref.snapshot." + SnapshotterName
	_, err := s.Content().Update(ctx, content.Info{Digest: config, Labels: map[string]string{label: chain}}, "labels."+label)
	return err
}
