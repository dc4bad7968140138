package registry_test

import (
	"errors"
	"io"
	"log"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-containerregistry/pkg/authn"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/remote"

	"github.com/seaworthyhq/seaworthy/internal/registry"
	"github.com/seaworthyhq/seaworthy/internal/release"
)

var discard = log.New(io.Discard, "", 0)

func TestLayoutStandsInForDockerHub(t *testing.T) {
	golang, debian := linux(t), linux(t)
	dir := writeLayout(t, t.TempDir(), map[string]v1.Image{
		"docker.io/library/golang:1.26": golang, "docker.io/library/debian:latest": debian,
	})
	r := open(t, map[string][]string{"docker.io": {dir}})
	for ref, want := range map[string]release.Image{
		"golang:1.26":                   {Digest: digestOf(t, golang), Ref: "golang:1.26", Platform: "linux/amd64"},
		"docker.io/library/golang:1.26": {Digest: digestOf(t, golang), Ref: "golang:1.26", Platform: "linux/amd64"},
		"debian":                        {Digest: digestOf(t, debian), Ref: "debian:latest", Platform: "linux/amd64"},
	} {
		if diff := cmp.Diff(want, resolve(t.Context(), t, r, ref)); diff != "" {
			t.Errorf("Resolve(%s): %s", ref, diff)
		}
	}
}

func TestDigestIsResolvedToItself(t *testing.T) {
	img := linux(t)
	dir := writeLayout(t, t.TempDir(), map[string]v1.Image{"docker.io/library/debian:12": img})
	got := resolve(t.Context(), t, open(t, map[string][]string{"docker.io": {dir}}), "debian:12@"+string(digestOf(t, img)))
	if got.Digest != digestOf(t, img) {
		t.Errorf("digest %s", got.Digest)
	}
}

func TestLayoutThatIsReplacedIsReadAnew(t *testing.T) {
	dir, before, after := filepath.Join(t.TempDir(), "bases"), linux(t), linux(t)
	r := open(t, map[string][]string{"docker.io": {dir}})
	writeLayout(t, dir, map[string]v1.Image{"docker.io/library/debian:12": before})
	if got := resolve(t.Context(), t, r, "debian:12").Digest; got != digestOf(t, before) {
		t.Errorf("before: %s", got)
	}
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
	writeLayout(t, dir, map[string]v1.Image{"docker.io/library/debian:12": after})
	if got := resolve(t.Context(), t, r, "debian:12").Digest; got != digestOf(t, after) {
		t.Errorf("after: %s", got)
	}
}

func TestWhatAMirrorLacksTheNextOneIsAskedFor(t *testing.T) {
	upstream, mirror, img := serve(t, nil), serve(t, nil), linux(t)
	empty := writeLayout(t, t.TempDir(), nil)
	missing := filepath.Join(t.TempDir(), "never-made")
	upstream.push(t, "team/app:1", img)
	r := open(t, map[string][]string{upstream.host: {missing, empty, "http://" + mirror.host}})
	if got := resolve(t.Context(), t, r, upstream.host+"/team/app:1"); got.Digest != digestOf(t, img) {
		t.Errorf("digest %s", got.Digest)
	}
	if mirror.asked.Load() == 0 {
		t.Error("the mirror was not asked")
	}
}

func TestMirrorIsAskedBeforeTheRegistry(t *testing.T) {
	upstream, mirror, img := serve(t, nil), serve(t, nil), linux(t)
	mirror.push(t, "team/app:1", img)
	r := open(t, map[string][]string{upstream.host: {"http://" + mirror.host}})
	if got := resolve(t.Context(), t, r, upstream.host+"/team/app:1"); got.Digest != digestOf(t, img) {
		t.Errorf("digest %s", got.Digest)
	}
	if n := upstream.asked.Load(); n != 0 {
		t.Errorf("the registry was asked %d times", n)
	}
}

func TestHostsFileOfContainerdIsRead(t *testing.T) {
	mirror, img, dir := serve(t, nil), linux(t), t.TempDir()
	mirror.push(t, "team/app:1", img)
	if err := os.Mkdir(filepath.Join(dir, "registry.invalid"), 0o755); err != nil {
		t.Fatal(err)
	}
	hosts := `server = "https://registry.invalid"` + "\n[host.\"http://" + mirror.host + "\"]\ncapabilities = [\"pull\", \"resolve\"]\n"
	if err := os.WriteFile(filepath.Join(dir, "registry.invalid", "hosts.toml"), []byte(hosts), 0o644); err != nil {
		t.Fatal(err)
	}
	r := openConfig(t, registry.Config{HostDir: dir, Credentials: anonymous})
	if got := resolve(t.Context(), t, r, "registry.invalid/team/app:1"); got.Digest != digestOf(t, img) {
		t.Errorf("digest %s", got.Digest)
	}
}

func TestMissingImageNamesAllThatWereAsked(t *testing.T) {
	upstream, mirror := serve(t, nil), serve(t, nil)
	empty := writeLayout(t, t.TempDir(), nil)
	r := open(t, map[string][]string{upstream.host: {empty, "http://" + mirror.host}})
	_, err := r.Resolve(t.Context(), upstream.host+"/team/app:2")
	want := &release.UserError{
		Kind: release.KindNotFound,
		Hint: "check the name and the tag where the Dockerfile or the compose file has them",
		Detail: "asked " + empty + ": it is not there\n" +
			"asked http://" + mirror.host + ": it is not there\n" +
			"asked " + upstream.host + ": it is not there",
	}
	wantUserError(t, err, want, "there is no such image")
}

func TestRegistryOutOfReachIsSaidAndWhichMirrorsLackTheImage(t *testing.T) {
	empty := writeLayout(t, t.TempDir(), nil)
	closed := serve(t, func(http.ResponseWriter, *http.Request) bool { panic(http.ErrAbortHandler) })
	r := open(t, map[string][]string{"registry.invalid": {empty, "http://" + closed.host}})
	_, err := r.Resolve(t.Context(), "registry.invalid/team/app")
	u, ok := errors.AsType[*release.UserError](err)
	if !ok || u.Kind != release.KindNotFound || !strings.HasSuffix(err.Error(), ": not found, and http://"+closed.host+", registry.invalid cannot be reached") {
		t.Fatalf("error %v", err)
	}
	for _, line := range []string{"asked " + empty + ": it is not there", "asked http://" + closed.host + ": ", "asked registry.invalid: "} {
		if !strings.Contains(u.Detail, line) {
			t.Errorf("detail lacks %q:\n%s", line, u.Detail)
		}
	}
}

func TestPrivateImageNeedsCredentials(t *testing.T) {
	private, img := serve(t, onlyFor("ann", "s3cret")), linux(t)
	private.push(t, "team/app:1", img, remote.WithAuth(&authn.Basic{Username: "ann", Password: "s3cret"}))

	_, err := open(t, nil).Resolve(t.Context(), private.host+"/team/app:1")
	want := &release.UserError{Kind: release.KindDenied, Hint: "docker login " + private.host + "   (Seaworthy uses the credentials that it keeps)"}
	wantUserError(t, err, want, "access denied")

	r := openConfig(t, registry.Config{Credentials: func(string) (string, string, error) { return "ann", "s3cret", nil }})
	if got := resolve(t.Context(), t, r, private.host+"/team/app:1"); got.Digest != digestOf(t, img) {
		t.Errorf("digest %s", got.Digest)
	}
}

func onlyFor(username, password string) func(http.ResponseWriter, *http.Request) bool {
	return func(w http.ResponseWriter, r *http.Request) bool {
		if u, p, _ := r.BasicAuth(); u == username && p == password {
			return true
		}
		w.Header().Set("WWW-Authenticate", `Basic realm="private"`)
		w.WriteHeader(http.StatusUnauthorized)
		return false
	}
}

func TestDockerLoginIsHonoured(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("DOCKER_CONFIG", dir)
	config := `{"auths": {"https://index.docker.io/v1/": {"auth": "YW5uOnMzY3JldA=="}, "ghcr.io": {"identitytoken": "tok"}}}`
	if err := os.WriteFile(filepath.Join(dir, "config.json"), []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	for host, want := range map[string][2]string{
		"registry-1.docker.io": {"ann", "s3cret"}, "ghcr.io": {"", "tok"}, "quay.io": {"", ""},
	} {
		username, secret, err := registry.DockerCredentials(host)
		if err != nil || [2]string{username, secret} != want {
			t.Errorf("DockerCredentials(%s) = %q, %q, %v", host, username, secret, err)
		}
	}
}

func TestBadNamesAndBadMirrorsAreRefused(t *testing.T) {
	if _, err := open(t, nil).Resolve(t.Context(), "Not A Name"); release.KindOf(err) != release.KindProject {
		t.Errorf("bad name: %v", err)
	}
	for _, mirror := range []string{"relative/folder", "ftp://mirror", ""} {
		_, err := registry.New(registry.Config{Mirrors: map[string][]string{"docker.io": {mirror}}})
		if release.KindOf(err) != release.KindUsage {
			t.Errorf("mirror %q: %v", mirror, err)
		}
	}
}

// wantUserError compares all of it but the message, of which it wants a part.
func wantUserError(t *testing.T, err error, want *release.UserError, message string) {
	t.Helper()
	got, ok := errors.AsType[*release.UserError](err)
	if !ok {
		t.Fatalf("error %v is not for users", err)
	}
	if !strings.Contains(got.Error(), message) {
		t.Errorf("message %q does not say %q", got, message)
	}
	if got.Kind != want.Kind || got.Hint != want.Hint {
		t.Errorf("got %s, %q; want %s, %q", got.Kind, got.Hint, want.Kind, want.Hint)
	}
	if want.Detail != "" {
		if diff := cmp.Diff(want.Detail, got.Detail); diff != "" {
			t.Error(diff)
		}
	}
}
