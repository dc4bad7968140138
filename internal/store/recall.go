package store

import (
	"context"
	"fmt"
	"time"

	"github.com/containerd/containerd/v2/core/content"
	"github.com/containerd/containerd/v2/core/images"
	"github.com/containerd/errdefs"
	"github.com/containerd/platforms"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

// Recall names what lies in the store as content and that a new index knows nothing of: an image with all that its manifest names,
// or a single content where target has another media type. An image's media type may be left out. It is for Config.Restore.
// The error is errdefs.ErrNotFound where the content is not there, or not whole for this machine's platform.
func (s *Store) Recall(ctx context.Context, name string, target ocispec.Descriptor) error {
	ctx, done, err := s.client.WithLease(s.Context(ctx))
	if err != nil {
		return err
	}
	defer func() { _ = done(context.WithoutCancel(ctx)) }() // a lease that stays expires by itself
	if err := s.recall(ctx, name, target); err != nil {
		return fmt.Errorf("recall %s: %w", name, err)
	}
	return nil
}

func (s *Store) recall(ctx context.Context, name string, target ocispec.Descriptor) error {
	if err := s.recallBlob(ctx, &target); err != nil {
		return err
	}
	if target.MediaType == "" {
		var err error
		if target.MediaType, err = s.mediaType(ctx, target); err != nil {
			return err
		}
	}
	if images.IsManifestType(target.MediaType) || images.IsIndexType(target.MediaType) {
		if err := s.recallParts(ctx, target); err != nil {
			return err
		}
	}
	_, err := s.images.Create(ctx, images.Image{Name: name, Target: target, CreatedAt: time.Now()})
	if errdefs.IsAlreadyExists(err) {
		return nil
	}
	return err
}

// recallParts makes known what an image is made of; of other platforms it may have nothing.
func (s *Store) recallParts(ctx context.Context, target ocispec.Descriptor) error {
	known := images.HandlerFunc(func(ctx context.Context, part ocispec.Descriptor) ([]ocispec.Descriptor, error) {
		err := s.recallBlob(ctx, &part)
		if errdefs.IsNotFound(err) {
			return nil, images.ErrSkipDesc
		}
		return nil, err
	})
	children := images.SetChildrenLabels(s.Content(), images.ChildrenHandler(s.Content()))
	if err := images.Walk(ctx, images.Handlers(known, children), target); err != nil {
		return err
	}
	whole, _, _, missing, err := images.Check(ctx, s.Content(), target, platforms.Default())
	if err != nil {
		return err
	}
	if !whole || len(missing) > 0 {
		return fmt.Errorf("%d parts of it are missing: %w", len(missing), errdefs.ErrNotFound)
	}
	return nil
}

// recallBlob makes a content known to the metadata, and its size to the caller. Nothing is written: it has the file already.
func (s *Store) recallBlob(ctx context.Context, blob *ocispec.Descriptor) error {
	info, err := s.blobs.Info(ctx, blob.Digest)
	if err != nil {
		return err
	}
	if blob.Size > 0 && blob.Size != info.Size {
		return fmt.Errorf("content %s has %d bytes, not %d: %w", blob.Digest, info.Size, blob.Size, errdefs.ErrNotFound)
	}
	blob.Size = info.Size
	w, err := content.OpenWriter(ctx, s.Content(), content.WithRef("recall-"+blob.Digest.String()), content.WithDescriptor(*blob))
	if errdefs.IsAlreadyExists(err) {
		return nil
	}
	if err != nil {
		return err
	}
	defer w.Close()
	if err := w.Commit(ctx, blob.Size, blob.Digest); err != nil && !errdefs.IsAlreadyExists(err) {
		return err
	}
	return nil
}
