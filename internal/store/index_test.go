package store_test

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/containerd/containerd/v2/core/mount"
	"github.com/containerd/errdefs"
	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
	"golang.org/x/sys/unix"

	"github.com/seaworthyhq/seaworthy/internal/release"
	"github.com/seaworthyhq/seaworthy/internal/store"
	"github.com/seaworthyhq/seaworthy/internal/store/storetest"
)

func TestIndexOfAProcessThatWasKilledIsKept(t *testing.T) {
	s := storetest.Open(t)
	img := storetest.Busybox(t, s, storetest.Image{})
	again := reopen(t, asLeft(t, s), func(context.Context, *store.Store) error { return errors.New("index was laid out anew") })
	if again.Index() != s.Index() {
		t.Errorf("index is %s, was %s", again.Index(), s.Index())
	}
	if _, err := again.Images().Get(again.Context(t.Context()), img.Ref); err != nil {
		t.Error(err)
	}
}

func TestIndexThatWasClosedIsKeptWhenTheMachineStartsAgain(t *testing.T) {
	root := t.TempDir()
	s, err := store.Open(t.Context(), store.Config{Root: root})
	if err != nil {
		t.Fatal(err)
	}
	img := storetest.Busybox(t, s, storetest.Image{})
	if err := s.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	if seal := readSeal(t, root); seal["boot"] != nil {
		t.Errorf("the seal of a closed index is %v", seal)
	}
	again := reopen(t, root, nil)
	if _, err := again.Images().Get(again.Context(t.Context()), img.Ref); err != nil {
		t.Error(err)
	}
}

func TestIndexIsSealedWhileNothingIsWritten(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	s := reopen(t, root, nil)
	deadline := time.Now().Add(time.Minute)
	for readSeal(t, root)["boot"] != nil {
		if time.Now().After(deadline) {
			t.Fatal("it is not sealed after a minute")
		}
		time.Sleep(10 * time.Millisecond)
	}
	storetest.Busybox(t, s, storetest.Image{})
	if readSeal(t, root)["boot"] == nil {
		t.Error("something was written and the seal is whole")
	}
}

func TestTornIndexIsLaidOutAnewFromContent(t *testing.T) {
	s := storetest.Open(t)
	kept := storetest.Busybox(t, s, storetest.Image{Files: []storetest.File{{Name: "hello", Mode: 0o644, Content: []byte("there")}}})
	other := storetest.Busybox(t, s, storetest.Image{Config: ocispec.ImageConfig{Cmd: []string{"true"}}})
	for _, img := range []release.Image{kept, other} {
		if _, err := s.Unpack(t.Context(), img.Digest); err != nil {
			t.Fatal(err)
		}
	}
	root := asLeft(t, s)
	loseMachine(t, root)
	again := reopen(t, root, func(ctx context.Context, s *store.Store) error {
		return s.Recall(ctx, "kept", ocispec.Descriptor{Digest: digest.Digest(kept.Digest)})
	})
	ctx := again.Context(t.Context())
	if again.Index() == s.Index() {
		t.Error("a new index has the name of the old")
	}
	if record, err := again.Images().Get(ctx, "kept"); err != nil || record.Target.MediaType != ocispec.MediaTypeImageManifest {
		t.Errorf("record is %+v, %v", record, err)
	}
	if err := again.Collect(ctx); err != nil {
		t.Fatal(err)
	}
	if _, err := again.Image(ctx, other.Digest); !errdefs.IsNotFound(err) {
		t.Errorf("an image that was not recalled is there: %v", err)
	}
	img, err := again.Unpack(ctx, kept.Digest)
	if err != nil {
		t.Fatal(err)
	}
	if got := readIn(t, again, img.Chain, "hello"); got != "there" {
		t.Errorf("the file in the image has %q", got)
	}
}

func TestAnIndexWithoutASealIsKeptWhileSomethingOfItIsMounted(t *testing.T) {
	root := t.TempDir()
	s, err := store.Open(t.Context(), store.Config{Root: root})
	if err != nil {
		t.Fatal(err)
	}
	ctx := s.Context(t.Context())
	img, err := s.Unpack(ctx, storetest.Busybox(t, s, storetest.Image{}).Digest)
	if err != nil {
		t.Fatal(err)
	}
	mounts, err := s.Snapshotter().Prepare(ctx, "replica", img.Chain)
	if err != nil {
		t.Fatal(err)
	}
	target := t.TempDir()
	if err := mount.All(mounts, target); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = mount.UnmountAll(target, unix.MNT_DETACH) })
	if err := s.Close(ctx); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(filepath.Join(root, "containerd", "index.json")); err != nil {
		t.Fatal(err)
	}
	again := reopen(t, root, func(context.Context, *store.Store) error { return nil })
	if _, err := again.Snapshotter().Stat(ctx, "replica"); err != nil {
		t.Errorf("what runs has lost its root: %v", err)
	}
}

func TestIndexThatWasNotRestoredIsNotTrusted(t *testing.T) {
	root := t.TempDir()
	broken := errors.New("cut")
	for range 2 {
		calls := 0
		_, err := store.Open(t.Context(), store.Config{Root: root, Restore: func(context.Context, *store.Store) error { calls++; return broken }})
		if !errors.Is(err, broken) || calls != 1 {
			t.Errorf("restored %d times, %v", calls, err)
		}
	}
}

func TestImageThatIsNotWholeIsNotRecalled(t *testing.T) {
	for name, spoil := range map[string]func(layer string) error{
		"a layer is missing": os.Remove,
		"a layer is torn":    func(layer string) error { return os.Truncate(layer, 1000) },
	} {
		t.Run(name, func(t *testing.T) { recallSpoiled(t, spoil) })
	}
}

func recallSpoiled(t *testing.T, spoil func(layer string) error) {
	s := storetest.Open(t)
	img := storetest.Busybox(t, s, storetest.Image{})
	read, err := s.Image(t.Context(), img.Digest)
	if err != nil {
		t.Fatal(err)
	}
	root := asLeft(t, s)
	loseMachine(t, root)
	layer := filepath.Join(root, "containerd", "content", "blobs", "sha256", read.Config.RootFS.DiffIDs[0].Encoded())
	if err := spoil(layer); err != nil {
		t.Fatal(err)
	}
	reopen(t, root, func(ctx context.Context, s *store.Store) error {
		if err := s.Recall(ctx, "broken", ocispec.Descriptor{Digest: digest.Digest(img.Digest)}); !errdefs.IsNotFound(err) {
			t.Errorf("recalled an image without its layer: %v", err)
		}
		return nil
	})
}

func reopen(t *testing.T, root string, restore func(context.Context, *store.Store) error) *store.Store {
	t.Helper()
	s, err := store.Open(t.Context(), store.Config{Root: root, Restore: restore})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(context.Background()); err != nil {
			t.Error(err)
		}
	})
	return s
}

// asLeft copies what a store that is open has on its disk: what its process, killed now, would leave.
func asLeft(t *testing.T, s *store.Store) (root string) {
	t.Helper()
	root = t.TempDir()
	if out, err := exec.Command("cp", "-a", s.Root(), root).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	return root
}

// loseMachine makes of what a process has left what a machine leaves that goes down at the worst moment: nothing but content
// has reached the disk.
func loseMachine(t *testing.T, root string) {
	t.Helper()
	seal := readSeal(t, root)
	seal["boot"] = "another"
	b, err := json.Marshal(seal)
	if err != nil {
		t.Fatal(err)
	}
	write := func(path string, b []byte) {
		if err := os.WriteFile(path, b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	dir := filepath.Join(root, "containerd")
	write(filepath.Join(dir, "index.json"), b)
	for _, name := range []string{"metadata.db", "snapshots/metadata.db"} {
		write(filepath.Join(dir, name), make([]byte, 1<<16))
	}
	files, err := filepath.Glob(filepath.Join(dir, "snapshots/snapshots/*/fs/*"))
	if err != nil || len(files) == 0 {
		t.Logf("no image is laid out: %v", err)
	}
	for _, f := range files {
		if info, err := os.Lstat(f); err == nil && info.Mode().IsRegular() {
			write(f, nil)
		}
	}
}

func readSeal(t *testing.T, root string) map[string]any {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(root, "containerd", "index.json"))
	if err != nil {
		t.Fatal(err)
	}
	var seal map[string]any
	if err := json.Unmarshal(b, &seal); err != nil {
		t.Fatal(err)
	}
	return seal
}

// readIn reads a file of a committed snapshot.
func readIn(t *testing.T, s *store.Store, chain, name string) string {
	t.Helper()
	ctx := s.Context(t.Context())
	mounts, err := s.Snapshotter().View(ctx, "view", chain)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = s.Snapshotter().Remove(ctx, "view") }()
	var b []byte
	err = mount.WithReadonlyTempMount(ctx, mounts, func(root string) error {
		b, err = os.ReadFile(filepath.Join(root, name))
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}
