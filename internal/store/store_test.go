package store_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/containerd/containerd/v2/core/leases"
	"github.com/containerd/errdefs"
	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/seaworthyhq/seaworthy/internal/release"
	"github.com/seaworthyhq/seaworthy/internal/store"
	"github.com/seaworthyhq/seaworthy/internal/store/storetest"
)

func TestSecondEngineIsToldWhoHoldsTheRoot(t *testing.T) {
	root := t.TempDir()
	first, err := store.Open(t.Context(), store.Config{Root: root})
	if err != nil {
		t.Fatal(err)
	}
	_, err = store.Open(t.Context(), store.Config{Root: root})
	if release.KindOf(err) != release.KindConflict {
		t.Fatalf("second engine got %v, want a conflict", err)
	}
	if want := fmt.Sprintf("pid %d", os.Getpid()); !strings.Contains(err.Error(), want) {
		t.Errorf("error %q does not say %q", err, want)
	}
	if err := first.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	again, err := store.Open(t.Context(), store.Config{Root: root})
	if err != nil {
		t.Fatalf("open after close: %v", err)
	}
	if err := again.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
}

func TestFolderOfASnapshotThatWasCutIsInNobodysWay(t *testing.T) {
	root := t.TempDir()
	s, err := store.Open(t.Context(), store.Config{Root: root})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(filepath.Join(root, "containerd", "snapshots", "snapshots", "1", "fs", "left"), 0o700); err != nil { // the first number
		t.Fatal(err)
	}
	if s, err = store.Open(t.Context(), store.Config{Root: root}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close(context.Background()) })
	if _, err := s.Snapshotter().Prepare(s.Context(t.Context()), "whole", ""); err != nil {
		t.Error(err)
	}
}

func TestUnpackedImageOutlivesCollection(t *testing.T) {
	s := storetest.Open(t)
	img := storetest.Busybox(t, s, storetest.Image{Config: ocispec.ImageConfig{Cmd: []string{"sh"}}})
	unpacked, err := s.Unpack(t.Context(), img.Digest)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Collect(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Snapshotter().Stat(s.Context(t.Context()), unpacked.Chain); err != nil {
		t.Errorf("snapshot of a named image was collected: %v", err)
	}
	if usage, err := s.Usage(t.Context()); err != nil || usage.Content == 0 || usage.Snapshots == 0 {
		t.Errorf("usage is %+v, %v", usage, err)
	}
}

func TestImageWithoutANameIsCollected(t *testing.T) {
	s := storetest.Open(t)
	ctx := s.Context(t.Context())
	img := storetest.Busybox(t, s, storetest.Image{})
	unpacked, err := s.Unpack(ctx, img.Digest)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Images().Delete(ctx, img.Ref); err != nil {
		t.Fatal(err)
	}
	if err := s.Collect(ctx); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Snapshotter().Stat(ctx, unpacked.Chain); !errdefs.IsNotFound(err) {
		t.Errorf("snapshot is still there: %v", err)
	}
	if _, err := s.Content().Info(ctx, digest.Digest(img.Digest)); !errdefs.IsNotFound(err) {
		t.Errorf("manifest is still there: %v", err)
	}
}

func TestSynchronousLeaseDeletionCollects(t *testing.T) {
	s := storetest.Open(t)
	ctx := s.Context(t.Context())
	img := storetest.Busybox(t, s, storetest.Image{})
	lease, err := s.Leases().Create(ctx, leases.WithID("work"))
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Leases().AddResource(ctx, lease, leases.Resource{ID: string(img.Digest), Type: "content"}); err != nil {
		t.Fatal(err)
	}
	if err := s.Images().Delete(ctx, img.Ref); err != nil {
		t.Fatal(err)
	}
	if err := s.Collect(ctx); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Content().Info(ctx, digest.Digest(img.Digest)); err != nil {
		t.Errorf("leased manifest was collected: %v", err)
	}
	if err := s.Leases().Delete(ctx, lease, leases.SynchronousDelete); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Content().Info(ctx, digest.Digest(img.Digest)); !errdefs.IsNotFound(err) {
		t.Errorf("manifest outlived its lease: %v", err)
	}
}

func BenchmarkOpen(b *testing.B) {
	root := b.TempDir()
	for b.Loop() {
		s, err := store.Open(b.Context(), store.Config{Root: root})
		if err != nil {
			b.Fatal(err)
		}
		if err := s.Close(b.Context()); err != nil {
			b.Fatal(err)
		}
	}
}
