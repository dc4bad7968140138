// Package storetest gives tests a store of their own and images to put into it.
package storetest

import (
	"archive/tar"
	"bytes"
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/containerd/containerd/v2/core/content"
	"github.com/containerd/containerd/v2/core/images"
	"github.com/opencontainers/go-digest"
	"github.com/opencontainers/image-spec/specs-go"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/seaworthyhq/seaworthy/internal/release"
	"github.com/seaworthyhq/seaworthy/internal/store"
)

// Open opens a store in a directory of the test's, and closes it when the test ends. It needs root.
func Open(t testing.TB) *store.Store {
	t.Helper()
	s, err := store.Open(t.Context(), store.Config{Root: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(context.WithoutCancel(t.Context())); err != nil {
			t.Errorf("close store: %v", err)
		}
	})
	return s
}

// File is a file, directory or link of a test image.
type File struct {
	Name    string
	Mode    int64 // permission bits
	UID     int
	GID     int
	Content []byte
	Dir     bool
	Link    string // target of a symbolic link
	Time    time.Time
}

// Image is what a test image is made of.
type Image struct {
	Ref    string
	Config ocispec.ImageConfig
	Files  []File
}

var applets = []string{
	"sh", "ls", "cat", "echo", "sleep", "id", "env", "mount", "touch", "true", "false", "kill", "hostname", "nc", "wget",
	"httpd", "ping", "nslookup", "stat", "dd", "tail", "head", "seq", "ps", "df", "ulimit", "grep", "mkdir", "rm", "chmod",
	"chown", "test", "date", "wc", "yes", "tr", "ip", "pwd", "printf", "sed", "awk", "tty", "stty", "sysctl", "setsid", "usleep",
}

// Busybox puts an image with a static busybox, the given files and configuration into the store and names it. The machine
// has to have /bin/busybox (Debian: busybox-static).
func Busybox(t testing.TB, s *store.Store, img Image) release.Image {
	t.Helper()
	program, err := os.ReadFile("/bin/busybox")
	if err != nil {
		t.Skipf("busybox-static is not installed: %v", err)
	}
	files := []File{
		{Name: "bin", Dir: true, Mode: 0o755},
		{Name: "etc", Dir: true, Mode: 0o755},
		{Name: "proc", Dir: true, Mode: 0o755},
		{Name: "sys", Dir: true, Mode: 0o755},
		{Name: "dev", Dir: true, Mode: 0o755},
		{Name: "tmp", Dir: true, Mode: 0o1777},
		{Name: "bin/busybox", Mode: 0o755, Content: program},
		{Name: "etc/passwd", Mode: 0o644, Content: []byte("root:x:0:0:root:/root:/bin/sh\nsailor:x:1000:1001:Sailor:/home/sailor:/bin/sh\n")},
		{Name: "etc/group", Mode: 0o644, Content: []byte("root:x:0:\nsailor:x:1001:\ncrew:x:1002:sailor\nharbour:x:1003:\n")},
	}
	for _, name := range applets {
		files = append(files, File{Name: "bin/" + name, Link: "busybox"})
	}
	if img.Config.Env == nil {
		img.Config.Env = []string{"PATH=/bin"}
	}
	img.Files = append(files, img.Files...)
	return Put(t, s, img)
}

// Put writes an image of one layer into the store and names it.
func Put(t testing.TB, s *store.Store, img Image) release.Image {
	t.Helper()
	ctx := s.Context(t.Context())
	ctx, done, err := s.Client().WithLease(ctx)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = done(context.WithoutCancel(ctx)) }() // a lease that stays expires

	layer := blob(ctx, t, s, ocispec.MediaTypeImageLayer, tarball(t, img.Files), nil)
	config := blobJSON(ctx, t, s, ocispec.MediaTypeImageConfig, ocispec.Image{
		Platform: ocispec.Platform{OS: "linux", Architecture: "amd64"},
		Config:   img.Config,
		RootFS:   ocispec.RootFS{Type: "layers", DiffIDs: []digest.Digest{layer.Digest}},
	}, nil)
	manifest := blobJSON(ctx, t, s, ocispec.MediaTypeImageManifest, ocispec.Manifest{
		Versioned: specs.Versioned{SchemaVersion: 2},
		MediaType: ocispec.MediaTypeImageManifest,
		Config:    config,
		Layers:    []ocispec.Descriptor{layer},
	}, map[string]string{
		"containerd.io/gc.ref.content.config": config.Digest.String(),
		"containerd.io/gc.ref.content.l.0":    layer.Digest.String(),
	})
	if img.Ref == "" {
		img.Ref = "test/" + manifest.Digest.Encoded()[:12]
	}
	record := images.Image{Name: img.Ref, Target: manifest, CreatedAt: time.Now()}
	if _, err := s.Images().Create(ctx, record); err != nil {
		if _, err = s.Images().Update(ctx, record); err != nil {
			t.Fatal(err)
		}
	}
	return release.Image{Digest: release.Digest(manifest.Digest), Ref: img.Ref, Platform: "linux/amd64"}
}

func blobJSON(ctx context.Context, t testing.TB, s *store.Store, mediaType string, v any, labels map[string]string) ocispec.Descriptor {
	t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return blob(ctx, t, s, mediaType, b, labels)
}

func blob(ctx context.Context, t testing.TB, s *store.Store, mediaType string, b []byte, labels map[string]string) ocispec.Descriptor {
	t.Helper()
	desc := ocispec.Descriptor{MediaType: mediaType, Digest: digest.FromBytes(b), Size: int64(len(b))}
	err := content.WriteBlob(ctx, s.Content(), "test-"+desc.Digest.String(), bytes.NewReader(b), desc, content.WithLabels(labels))
	if err != nil {
		t.Fatal(err)
	}
	return desc
}

func tarball(t testing.TB, files []File) []byte {
	t.Helper()
	var buf bytes.Buffer
	w := tar.NewWriter(&buf)
	for _, f := range files {
		h := &tar.Header{Name: filepath.Clean(f.Name), Mode: f.Mode, Uid: f.UID, Gid: f.GID, Size: int64(len(f.Content)), Typeflag: tar.TypeReg, ModTime: f.Time}
		switch {
		case f.Dir:
			h.Typeflag, h.Name = tar.TypeDir, h.Name+"/"
		case f.Link != "":
			h.Typeflag, h.Linkname, h.Mode = tar.TypeSymlink, f.Link, 0o777
		}
		if err := w.WriteHeader(h); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write(f.Content); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return buf.Bytes()
}
