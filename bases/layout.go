package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"time"

	"github.com/opencontainers/go-digest"
	"github.com/opencontainers/image-spec/specs-go"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

// annotationName is how containerd and BuildKit write an image's whole name into a layout's index.
const annotationName = "io.containerd.image.name"

// epoch stands for every time in the images, so that equal content is an equal digest.
var epoch = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

// layout writes an OCI image layout
// (https://github.com/opencontainers/image-spec/blob/main/image-layout.md). Its layers are not compressed: they are read
// on this machine only, and unpacking them is most of the time that a first build takes.
type layout struct {
	dir    string
	index  ocispec.Index
	debian []ocispec.Descriptor // the layers that Debian's image and Go's share
}

func createLayout(dir string) (*layout, error) {
	if err := os.MkdirAll(filepath.Join(dir, ocispec.ImageBlobsDir, "sha256"), 0o755); err != nil {
		return nil, err
	}
	l := &layout{dir: dir, index: ocispec.Index{Versioned: specs.Versioned{SchemaVersion: 2}, MediaType: ocispec.MediaTypeImageIndex}}
	return l, l.writeJSON(ocispec.ImageLayoutFile, ocispec.ImageLayout{Version: ocispec.ImageLayoutVersion})
}

// addBlob streams what write writes into a blob.
func (l *layout) addBlob(mediaType string, write func(io.Writer) error) (ocispec.Descriptor, error) {
	blobs := filepath.Join(l.dir, ocispec.ImageBlobsDir, "sha256")
	f, err := os.CreateTemp(blobs, "new-")
	if err != nil {
		return ocispec.Descriptor{}, err
	}
	defer f.Close()
	sum := digest.SHA256.Digester()
	if err := write(io.MultiWriter(f, sum.Hash())); err != nil {
		return ocispec.Descriptor{}, err
	}
	size, err := f.Seek(0, io.SeekCurrent)
	if err != nil {
		return ocispec.Descriptor{}, err
	}
	if err := f.Chmod(0o644); err != nil {
		return ocispec.Descriptor{}, err
	}
	desc := ocispec.Descriptor{MediaType: mediaType, Digest: sum.Digest(), Size: size}
	return desc, os.Rename(f.Name(), filepath.Join(blobs, desc.Digest.Encoded()))
}

func (l *layout) addJSON(mediaType string, v any) (ocispec.Descriptor, error) {
	b, err := json.Marshal(v)
	if err != nil {
		return ocispec.Descriptor{}, err
	}
	return l.addBlob(mediaType, func(w io.Writer) error {
		_, err := io.Copy(w, bytes.NewReader(b))
		return err
	})
}

// addImage writes an image of the layers and enters it into the index under each of its tags.
func (l *layout) addImage(repository string, tags []string, config ocispec.ImageConfig, layers ...ocispec.Descriptor) error {
	platform := ocispec.Platform{OS: "linux", Architecture: runtime.GOARCH}
	image := ocispec.Image{Created: &epoch, Platform: platform, Config: config, RootFS: ocispec.RootFS{Type: "layers"}}
	for _, layer := range layers {
		image.RootFS.DiffIDs = append(image.RootFS.DiffIDs, layer.Digest)
		image.History = append(image.History, ocispec.History{Created: &epoch, CreatedBy: "seaworthy bases: " + repository})
	}
	configDesc, err := l.addJSON(ocispec.MediaTypeImageConfig, image)
	if err != nil {
		return fmt.Errorf("write configuration of %s: %w", repository, err)
	}
	manifest, err := l.addJSON(ocispec.MediaTypeImageManifest, ocispec.Manifest{
		Versioned: specs.Versioned{SchemaVersion: 2}, MediaType: ocispec.MediaTypeImageManifest, Config: configDesc, Layers: layers,
	})
	if err != nil {
		return fmt.Errorf("write manifest of %s: %w", repository, err)
	}
	for _, tag := range tags {
		tagged := manifest
		tagged.Platform = &platform
		tagged.Annotations = map[string]string{annotationName: repository + ":" + tag, ocispec.AnnotationRefName: tag}
		l.index.Manifests = append(l.index.Manifests, tagged)
	}
	return nil
}

func (l *layout) writeIndex() error { return l.writeJSON(ocispec.ImageIndexFile, l.index) }

func (l *layout) writeJSON(name string, v any) error {
	b, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(l.dir, name), b, 0o644)
}
