package build_test

import (
	"archive/tar"
	"bytes"
	"context"
	"errors"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"net/url"
	"runtime"
	"strings"
	"testing"

	"github.com/containerd/containerd/v2/core/remotes/docker"
	"github.com/google/go-containerregistry/pkg/crane"
	"github.com/google/go-containerregistry/pkg/registry"
	"github.com/google/go-containerregistry/pkg/v1/mutate"

	"github.com/seaworthyhq/seaworthy/internal/build"
	"github.com/seaworthyhq/seaworthy/internal/build/worker"
	"github.com/seaworthyhq/seaworthy/internal/event"
	"github.com/seaworthyhq/seaworthy/internal/release"
	"github.com/seaworthyhq/seaworthy/internal/store/storetest"
)

// harbour is a registry that stands in for docker.io, and can go away.
type harbour struct {
	server *httptest.Server
	closed bool
}

func newHarbour(t *testing.T) *harbour {
	t.Helper()
	h := &harbour{}
	images := registry.New(registry.Logger(log.New(io.Discard, "", 0)))
	h.server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if h.closed {
			http.Error(w, "closed", http.StatusServiceUnavailable)
			return
		}
		images.ServeHTTP(w, r)
	}))
	t.Cleanup(h.server.Close)
	return h
}

func (h *harbour) address(t *testing.T) string {
	t.Helper()
	u, err := url.Parse(h.server.URL)
	if err != nil {
		t.Fatal(err)
	}
	return u.Host
}

func (h *harbour) hosts(t *testing.T) docker.RegistryHosts {
	mirror := docker.RegistryHost{
		Client: http.DefaultClient, Host: h.address(t), Scheme: "http", Path: "/v2",
		Capabilities: docker.HostCapabilityPull | docker.HostCapabilityResolve,
	}
	return func(string) ([]docker.RegistryHost, error) { return []docker.RegistryHost{mirror}, nil }
}

// push makes an image with a file in it and pushes it.
func (h *harbour) push(t *testing.T, ref, content string) {
	t.Helper()
	img, err := crane.Image(map[string][]byte{"version": []byte(content)})
	if err != nil {
		t.Fatal(err)
	}
	config, err := img.ConfigFile()
	if err != nil {
		t.Fatal(err)
	}
	config = config.DeepCopy()
	config.OS, config.Architecture = "linux", runtime.GOARCH
	if img, err = mutate.ConfigFile(img, config); err != nil {
		t.Fatal(err)
	}
	if err := crane.Push(img, h.address(t)+"/"+ref, crane.Insecure); err != nil {
		t.Fatal(err)
	}
}

func TestBaseImagesOfARegistry(t *testing.T) {
	h := newHarbour(t)
	h.push(t, "library/base:1", "first\n")
	s := storetest.Open(t)
	y := &yard{store: s, Builder: openBuilder(t, build.Config{Root: t.TempDir(), Store: s, Worker: worker.Config{Hosts: h.hosts(t)}})}
	dir := project(t, map[string]string{"Dockerfile": "FROM base:1 AS web\nENV A=b\n"})

	first, rec := y.build(t, y.request(t, dir, "=web"))
	if got := y.read(t, first.Images["stage:web"], "version"); got != "first\n" {
		t.Errorf("version %q", got)
	}
	if rec.steps()["stage:web"] == "" {
		t.Errorf("steps: %v", rec.steps())
	}
	if len(first.Bases) != 1 || first.Bases[0].Ref != "base:1" {
		t.Errorf("bases: %+v", first.Bases)
	}

	// A tag that moves is not followed until somebody pulls, and the registry may be out of reach.
	h.push(t, "library/base:1", "second\n")
	h.closed = true
	again, rec := y.build(t, y.request(t, dir, "=web"))
	if again.Images["stage:web"].Digest != first.Images["stage:web"].Digest || rec.steps()["stage:web"] != event.Cached {
		t.Errorf("without the registry: %+v, %v", again.Images, rec.steps())
	}

	h.closed = false
	pull := y.request(t, dir, "=web")
	pull.Pull = true
	pulled, _ := y.build(t, pull)
	if got := y.read(t, pulled.Images["stage:web"], "version"); got != "second\n" {
		t.Errorf("version after pull %q", got)
	}
	if pulled.Bases[0].Digest == first.Bases[0].Digest {
		t.Error("the base's digest did not change")
	}
	// What was pulled is what the tag stands for from now on.
	h.closed = true
	if last, _ := y.build(t, y.request(t, dir, "=web")); last.Images["stage:web"].Digest != pulled.Images["stage:web"].Digest {
		t.Error("the pull was forgotten")
	}
}

func TestImageThatCameIntoTheStoreLaterGoesBeforeThePin(t *testing.T) {
	y := newYard(t)
	put := func(content string) {
		storetest.Busybox(t, y.store, storetest.Image{
			Ref:   "docker.io/library/moving:1",
			Files: []storetest.File{{Name: "version", Mode: 0o644, Content: []byte(content)}},
		})
	}
	dir := project(t, map[string]string{"Dockerfile": "FROM moving:1 AS web\nRUN cat /version > /seen\n"})
	for _, content := range []string{"first\n", "second\n"} {
		put(content)
		res, _ := y.build(t, y.request(t, dir, "=web"))
		if got := y.read(t, res.Images["stage:web"], "seen"); got != content {
			t.Errorf("seen %q, want %q", got, content)
		}
	}
}

func TestBaseImageThatTheRegistryLacks(t *testing.T) {
	h := newHarbour(t)
	s := storetest.Open(t)
	y := &yard{store: s, Builder: openBuilder(t, build.Config{Root: t.TempDir(), Store: s, Worker: worker.Config{Hosts: h.hosts(t)}})}
	dir := project(t, map[string]string{"Dockerfile": "FROM lost:2 AS web\n"})
	u, _ := y.fail(t, y.request(t, dir, "=web"))
	if u.Kind != release.KindNotFound || !strings.Contains(u.Error(), "base image lost:2") || !strings.Contains(u.Hint, "lost:2") {
		t.Errorf("kind %s, error %v, hint %q", u.Kind, u, u.Hint)
	}
}

func TestBaseImageThatNobodyHasSaysWhatWasAsked(t *testing.T) {
	h := newHarbour(t)
	s := storetest.Open(t)
	y := &yard{store: s, Builder: openBuilder(t, build.Config{Root: t.TempDir(), Store: s, Worker: worker.Config{Hosts: h.hosts(t)}, WhyNot: func(_ context.Context, ref string) error {
		return &release.UserError{Kind: release.KindDenied, Err: errors.New("image " + ref + ": access denied"), Detail: "asked a: no\nasked b: no", Hint: "docker login"}
	}})}
	u, _ := y.fail(t, y.request(t, project(t, map[string]string{"Dockerfile": "FROM lost:2 AS web\n"}), "=web"))
	if u.Kind != release.KindDenied || !strings.HasPrefix(u.Error(), "base image ") || !strings.HasSuffix(u.Error(), "lost:2: access denied") || u.Hint != "docker login" {
		t.Errorf("kind %s, error %v, hint %q", u.Kind, u, u.Hint)
	}
	if !strings.Contains(u.Detail, ">>> FROM lost:2 AS web") || !strings.HasSuffix(u.Detail, "asked a: no\nasked b: no\n") {
		t.Errorf("detail:\n%s", u.Detail)
	}
}

func TestContextFromAnArchive(t *testing.T) {
	var archive bytes.Buffer
	w := tar.NewWriter(&archive)
	if err := w.WriteHeader(&tar.Header{Name: "remote.txt", Mode: 0o644, Size: 5}); err != nil {
		t.Fatal(err)
	}
	w.Write([]byte("afar\n"))
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, _ *http.Request) { rw.Write(archive.Bytes()) }))
	t.Cleanup(server.Close)
	y := newYard(t)
	dir := project(t, map[string]string{"Dockerfile": "FROM busybox AS web\nCOPY remote.txt /\n"})
	req := y.request(t, dir, "=web")
	req.Context = server.URL + "/context.tar"
	res, _ := y.build(t, req)
	if got := y.read(t, res.Images["stage:web"], "remote.txt"); got != "afar\n" {
		t.Errorf("remote.txt: %q", got)
	}
}
