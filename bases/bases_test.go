package main

import (
	"archive/tar"
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

func TestToolchainIsTaggedAsOnDockerHub(t *testing.T) {
	got := inputs{Suite: "bookworm", GoVersion: "go1.26.8"}.goTags()
	want := []string{
		"latest", "bookworm", "1.26.8", "1.26.8-bookworm", "1.26", "1.26-bookworm", "1", "1-bookworm",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestWhatAContainerGetsFromItsRuntimeIsLeftOut(t *testing.T) {
	var in, out bytes.Buffer
	w := tar.NewWriter(&in)
	for _, name := range []string{"./dev", "./dev/null", "./etc", "./etc/hostname", "./etc/passwd"} {
		if err := w.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: name}); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	o := tar.NewWriter(&out)
	if err := errors.Join(copyTar(o, &in, []string{"dev", "etc/hostname"}), o.Close()); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"dev", "etc", "etc/passwd"}, names(t, &out)); diff != "" {
		t.Error(diff)
	}
}

func TestChangedInputsMakeAnotherKey(t *testing.T) {
	in := inputs{Suite: "bookworm", GoVersion: "go1.26.8", GoRoot: "/usr/local/go"}
	same, other := in, in
	other.Certificates = []byte("another authority")
	if in.key() != same.key() || in.key() == other.key() {
		t.Error("the key does not follow the inputs")
	}
}

// What `make bases` has made, if it has.
func TestImagesHoldWhatTheirNamesSay(t *testing.T) {
	l := made(t, "../.cache/bases")
	for image, files := range map[string][]string{
		"docker.io/library/golang:1":       {"bin", "usr/local/go/bin/go", "usr/local/go/src/fmt/print.go", "etc/ssl/certs/ca-certificates.crt"},
		"docker.io/library/debian:12":      {"usr/bin/bash", "usr/bin/apt-get", "etc/ssl/certs/ca-certificates.crt"},
		"docker.io/library/busybox:latest": {"bin/busybox", "bin/sh", "bin/wget", "etc/passwd", "tmp/"},
	} {
		got := l.files(t, image)
		for _, file := range files {
			if !slices.Contains(got, file) {
				t.Errorf("%s has no %s", image, file)
			}
		}
	}
}

// madeLayout is a layout on disk.
type madeLayout struct {
	dir   string
	index ocispec.Index
}

func made(t *testing.T, dir string) madeLayout {
	t.Helper()
	l := madeLayout{dir: dir}
	b, err := os.ReadFile(filepath.Join(dir, ocispec.ImageIndexFile))
	if errors.Is(err, fs.ErrNotExist) {
		t.Skip("no base images: make bases")
	}
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(b, &l.index); err != nil {
		t.Fatal(err)
	}
	return l
}

func (l madeLayout) files(t *testing.T, image string) []string {
	t.Helper()
	i := slices.IndexFunc(l.index.Manifests, func(d ocispec.Descriptor) bool { return d.Annotations[annotationName] == image })
	if i < 0 {
		t.Fatalf("there is no %s", image)
	}
	var manifest ocispec.Manifest
	if err := json.NewDecoder(l.blob(t, l.index.Manifests[i].Digest)).Decode(&manifest); err != nil {
		t.Fatal(err)
	}
	var all []string
	for _, layer := range manifest.Layers {
		all = append(all, names(t, l.blob(t, layer.Digest))...)
	}
	return all
}

func (l madeLayout) blob(t *testing.T, d digest.Digest) io.Reader {
	t.Helper()
	f, err := os.Open(filepath.Join(l.dir, ocispec.ImageBlobsDir, d.Algorithm().String(), d.Encoded()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return f
}

func names(t *testing.T, archive io.Reader) []string {
	t.Helper()
	var all []string
	for r := tar.NewReader(archive); ; {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			return all
		}
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, h.Name)
	}
}
