package engine

import (
	"archive/tar"
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"slices"
	"testing"

	"github.com/containerd/containerd/v2/core/content"
	"github.com/google/go-cmp/cmp"
	"github.com/opencontainers/go-digest"
	"github.com/opencontainers/image-spec/specs-go"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/seaworthyhq/seaworthy/internal/api"
	"github.com/seaworthyhq/seaworthy/internal/release"
	"github.com/seaworthyhq/seaworthy/internal/store"
	"github.com/seaworthyhq/seaworthy/internal/store/storetest"
)

// An image for several platforms is pulled for this one only: what the others are made of is not there.
func TestAnArchiveHasThePlatformThatRunsHere(t *testing.T) {
	s := storetest.Open(t)
	there := storetest.Put(t, s, storetest.Image{Files: []storetest.File{{Name: "hello", Mode: 0o644, Content: []byte("hello")}}})
	index := putIndex(t, s,
		ocispec.Descriptor{Digest: digest.FromString("386"), Size: 3, Platform: &ocispec.Platform{OS: "linux", Architecture: "386"}},
		ocispec.Descriptor{Digest: digest.Digest(there.Digest), Size: 1, Platform: &ocispec.Platform{OS: "linux", Architecture: "amd64"}},
		ocispec.Descriptor{Digest: digest.FromString("arm"), Size: 3, Platform: &ocispec.Platform{OS: "linux", Architecture: "arm64"}},
	)
	for name, asked := range map[string]release.Digest{"manifest": there.Digest, "index": index} {
		t.Run(name, func(t *testing.T) {
			write, err := (&images{store: s}).archive(t.Context(), []api.ArchivedImage{{Name: "example.local/hello:1", Digest: asked}})
			if err != nil {
				t.Fatal(err)
			}
			var b bytes.Buffer
			if err := write(&b); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff([]string{"example.local/hello:1"}, loadable(t, &b)); diff != "" {
				t.Errorf("names that docker load gives (-want +got):\n%s", diff)
			}
		})
	}
}

func TestAnArchiveOfWhatIsNotThereIsAnError(t *testing.T) {
	s := storetest.Open(t)
	_, err := (&images{store: s}).archive(t.Context(), []api.ArchivedImage{{Name: "x", Digest: release.DigestOf([]byte("gone"))}})
	if release.KindOf(err) != release.KindNotFound {
		t.Errorf("got %v", err)
	}
}

func putIndex(t *testing.T, s *store.Store, manifests ...ocispec.Descriptor) release.Digest {
	t.Helper()
	for i := range manifests {
		manifests[i].MediaType = ocispec.MediaTypeImageManifest
		if info, err := s.Content().Info(s.Context(t.Context()), manifests[i].Digest); err == nil {
			manifests[i].Size = info.Size
		}
	}
	raw, err := json.Marshal(ocispec.Index{Versioned: specs.Versioned{SchemaVersion: 2}, MediaType: ocispec.MediaTypeImageIndex, Manifests: manifests})
	if err != nil {
		t.Fatal(err)
	}
	desc := ocispec.Descriptor{MediaType: ocispec.MediaTypeImageIndex, Digest: digest.FromBytes(raw), Size: int64(len(raw))}
	if err := content.WriteBlob(s.Context(t.Context()), s.Content(), "index", bytes.NewReader(raw), desc); err != nil {
		t.Fatal(err)
	}
	return release.Digest(desc.Digest)
}

// loadable are the names of the images of an archive, all of whose parts have to be in it.
func loadable(t *testing.T, archive io.Reader) (names []string) {
	t.Helper()
	var manifest []struct {
		Config           string
		RepoTags, Layers []string
	}
	var there []string
	r := tar.NewReader(archive)
	for {
		head, err := r.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		there = append(there, head.Name)
		if head.Name == "manifest.json" {
			if err := json.NewDecoder(r).Decode(&manifest); err != nil {
				t.Fatal(err)
			}
		}
	}
	for _, image := range manifest {
		for _, part := range append(image.Layers, image.Config) {
			if !slices.Contains(there, part) {
				t.Errorf("%s is not in the archive: %v", part, there)
			}
		}
		names = append(names, image.RepoTags...)
	}
	return names
}
