package store

import (
	"archive/tar"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"reflect"
	"slices"
	"time"

	"github.com/containerd/containerd/v2/core/content"
	"github.com/containerd/containerd/v2/core/images"
	"github.com/containerd/containerd/v2/pkg/archive/compression"
	"github.com/containerd/platforms"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/seaworthyhq/seaworthy/internal/release"
)

// SameButTimes reports whether two images differ in nothing but when they, and the files in them, were made. Layers are read no
// further than to the first other difference.
func (s *Store) SameButTimes(ctx context.Context, a, b release.Digest) (bool, error) {
	ctx = s.Context(ctx)
	one, layersOne, err := s.withLayers(ctx, a)
	if err != nil {
		return false, err
	}
	two, layersTwo, err := s.withLayers(ctx, b)
	if err != nil || !reflect.DeepEqual(timeless(one.Config), timeless(two.Config)) || len(layersOne) != len(layersTwo) {
		return false, err
	}
	for i := range layersOne {
		if layersOne[i].Digest == layersTwo[i].Digest {
			continue
		}
		if same, err := s.sameLayers(ctx, layersOne[i], layersTwo[i]); err != nil || !same {
			return false, err
		}
	}
	return true, nil
}

func (s *Store) withLayers(ctx context.Context, dgst release.Digest) (Image, []ocispec.Descriptor, error) {
	img, err := s.readImage(ctx, dgst)
	if err != nil {
		return img, nil, fmt.Errorf("read image %s: %w", dgst.Short(), err)
	}
	manifest, err := images.Manifest(ctx, s.Content(), img.Manifest, platforms.Default())
	return img, manifest.Layers, err
}

// timeless is a configuration without the times in it, and without what names the layers.
func timeless(c ocispec.Image) ocispec.Image {
	c.Created, c.RootFS.DiffIDs = nil, nil
	c.History = slices.Clone(c.History)
	for i := range c.History {
		c.History[i].Created = nil
	}
	return c
}

func (s *Store) sameLayers(ctx context.Context, a, b ocispec.Descriptor) (same bool, err error) {
	one, closeOne, err := s.openLayer(ctx, a)
	if err != nil {
		return false, err
	}
	defer closeOne()
	two, closeTwo, err := s.openLayer(ctx, b)
	if err != nil {
		return false, err
	}
	defer closeTwo()
	return sameTars(tar.NewReader(one), tar.NewReader(two))
}

func (s *Store) openLayer(ctx context.Context, desc ocispec.Descriptor) (io.Reader, func(), error) {
	blob, err := s.Content().ReaderAt(ctx, desc)
	if err != nil {
		return nil, nil, fmt.Errorf("open layer: %w", err)
	}
	stream, err := compression.DecompressStream(content.NewReader(blob))
	if err != nil {
		_ = blob.Close() // it was only read
		return nil, nil, fmt.Errorf("unpack layer: %w", err)
	}
	return stream, func() { _, _ = stream.Close(), blob.Close() }, nil
}

func sameTars(one, two *tar.Reader) (bool, error) {
	for {
		a, errOne := one.Next()
		b, errTwo := two.Next()
		if errors.Is(errOne, io.EOF) || errors.Is(errTwo, io.EOF) {
			return errors.Is(errOne, io.EOF) && errors.Is(errTwo, io.EOF), nil
		}
		if err := errors.Join(errOne, errTwo); err != nil {
			return false, fmt.Errorf("read layer: %w", err)
		}
		if !sameEntries(a, b) {
			return false, nil
		}
		if same, err := sameBytes(one, two); err != nil || !same {
			return false, err
		}
	}
}

func sameEntries(a, b *tar.Header) bool {
	untimed := func(h tar.Header) tar.Header {
		h.ModTime, h.AccessTime, h.ChangeTime, h.Format = time.Time{}, time.Time{}, time.Time{}, 0
		records := map[string]string{}
		for key, value := range h.PAXRecords {
			if key != "mtime" && key != "atime" && key != "ctime" {
				records[key] = value
			}
		}
		h.PAXRecords, h.Xattrs = records, nil //nolint:staticcheck // the records have these, too
		return h
	}
	return reflect.DeepEqual(untimed(*a), untimed(*b))
}

func sameBytes(one, two io.Reader) (bool, error) {
	var a, b [64 << 10]byte
	for {
		n, errOne := io.ReadFull(one, a[:])
		m, errTwo := io.ReadFull(two, b[:])
		if n != m || !bytes.Equal(a[:n], b[:m]) {
			return false, nil
		}
		for _, err := range []error{errOne, errTwo} {
			if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
				return true, nil
			} else if err != nil {
				return false, fmt.Errorf("read layer: %w", err)
			}
		}
	}
}
