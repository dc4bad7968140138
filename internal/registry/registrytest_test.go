package registry_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/google/go-containerregistry/pkg/name"
	ggcr "github.com/google/go-containerregistry/pkg/registry"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/random"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"github.com/seaworthyhq/seaworthy/internal/registry"
	"github.com/seaworthyhq/seaworthy/internal/release"
)

// server is a registry on loopback that counts what it is asked.
type server struct {
	host  string
	asked atomic.Int64
}

// serve starts a registry; guard, where given, may refuse a request.
func serve(t *testing.T, guard func(http.ResponseWriter, *http.Request) bool) *server {
	t.Helper()
	s := &server{}
	images := ggcr.New(ggcr.Logger(discard))
	web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.asked.Add(1)
		if guard == nil || guard(w, r) {
			images.ServeHTTP(w, r)
		}
	}))
	t.Cleanup(web.Close)
	s.host = strings.TrimPrefix(web.URL, "http://")
	return s
}

func (s *server) push(t *testing.T, ref string, img v1.Image, options ...remote.Option) {
	t.Helper()
	tag, err := name.ParseReference(s.host + "/" + ref)
	if err != nil {
		t.Fatal(err)
	}
	if err := remote.Write(tag, img, options...); err != nil {
		t.Fatal(err)
	}
}

// linux makes an image of two layers for this machine.
func linux(t *testing.T) v1.Image {
	t.Helper()
	img, err := random.Image(64<<10, 2)
	if err != nil {
		t.Fatal(err)
	}
	img, err = mutate.ConfigFile(img, platformed(t, img, "amd64"))
	if err != nil {
		t.Fatal(err)
	}
	return mutate.MediaType(img, types.OCIManifestSchema1)
}

func platformed(t *testing.T, img v1.Image, arch string) *v1.ConfigFile {
	t.Helper()
	config, err := img.ConfigFile()
	if err != nil {
		t.Fatal(err)
	}
	config = config.DeepCopy()
	config.OS, config.Architecture = "linux", arch
	return config
}

func digestOf(t *testing.T, img interface{ Digest() (v1.Hash, error) }) release.Digest {
	t.Helper()
	h, err := img.Digest()
	if err != nil {
		t.Fatal(err)
	}
	return release.Digest(h.String())
}

// writeLayout makes an OCI image layout of images by their whole names.
func writeLayout(t *testing.T, dir string, images map[string]v1.Image) string {
	t.Helper()
	path, err := layout.Write(dir, empty.Index)
	if err != nil {
		t.Fatal(err)
	}
	for ref, img := range images {
		err := path.AppendImage(img, layout.WithAnnotations(map[string]string{"io.containerd.image.name": ref}))
		if err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func open(t *testing.T, mirrors map[string][]string) *registry.Registry {
	t.Helper()
	return openConfig(t, registry.Config{Mirrors: mirrors, Credentials: anonymous})
}

func openConfig(t *testing.T, cfg registry.Config) *registry.Registry {
	t.Helper()
	r, err := registry.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func anonymous(string) (string, string, error) { return "", "", nil }

func resolve(ctx context.Context, t *testing.T, r *registry.Registry, ref string) release.Image {
	t.Helper()
	img, err := r.Resolve(ctx, ref)
	if err != nil {
		t.Fatal(err)
	}
	return img
}
