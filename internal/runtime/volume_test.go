package runtime_test

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/seaworthyhq/seaworthy/internal/release"
	"github.com/seaworthyhq/seaworthy/internal/store/storetest"
)

// harbour is a service whose image has something at /data, and the volume "data" there.
func (e *engine) harbour(mounts ...release.Mount) release.Service {
	e.t.Helper()
	img := e.image(storetest.Image{
		Config: ocispec.ImageConfig{Cmd: []string{"sleep", "600"}},
		Files: []storetest.File{
			{Name: "data", Dir: true, Mode: 0o750, UID: 1000, GID: 1001},
			{Name: "data/seed", Mode: 0o640, UID: 1000, GID: 1001, Content: []byte("from the image\n")},
		},
	})
	if mounts == nil {
		mounts = []release.Mount{{Kind: release.MountVolume, Source: "data", Target: "/data"}}
	}
	if _, err := e.EnsureVolume(e.t.Context(), env, "data"); err != nil {
		e.t.Fatal(err)
	}
	return release.Service{Name: "harbour", Image: img, Mounts: mounts}
}

func TestNewVolumeIsFilledOnceFromTheImage(t *testing.T) {
	e := start(t)
	svc := e.harbour()
	e.run("a", svc)
	if got := e.sh("a", "cat /data/seed; stat -c '%a %u %g' /data /data/seed"); got != "from the image\n750 1000 1001\n640 1000 1001" {
		t.Errorf("saw %q", got)
	}
	e.sh("a", "rm /data/seed; echo own > /data/own")
	if err := e.Remove(t.Context(), "a"); err != nil {
		t.Fatal(err)
	}
	e.run("b", svc)
	if got := e.sh("b", "ls /data"); got != "own" {
		t.Errorf("after a new replica the volume has %q", got)
	}
}

func TestVolumeIsMountedAsAskedFor(t *testing.T) {
	e := start(t)
	e.run("a", e.harbour())
	e.sh("a", "mkdir -p /data/inner; echo deep > /data/inner/file")
	e.run("b", e.harbour(
		release.Mount{Kind: release.MountVolume, Source: "data", Target: "/ro", ReadOnly: true},
		release.Mount{Kind: release.MountVolume, Source: "data", Target: "/sub", SubPath: "inner"},
	))
	if got := e.sh("b", "cat /sub/file; touch /ro/x 2>/dev/null || echo refused"); got != "deep\nrefused" {
		t.Errorf("saw %q", got)
	}
}

func TestImageVolumeWithoutANameGoesWithTheReplica(t *testing.T) {
	e := start(t)
	img := e.image(storetest.Image{
		Config: ocispec.ImageConfig{Cmd: []string{"sleep", "600"}, Volumes: map[string]struct{}{"/cache": {}}},
		Files:  []storetest.File{{Name: "cache", Dir: true, Mode: 0o700}, {Name: "cache/a", Mode: 0o600, Content: []byte("a")}},
	})
	e.run("a", release.Service{Name: "web", Image: img})
	if got := e.sh("a", "cat /cache/a; grep -c ' /cache ' /proc/mounts"); got != "a1" {
		t.Errorf("saw %q", got)
	}
}

func TestMissingVolumeIsAnError(t *testing.T) {
	e := start(t)
	svc := e.service("true")
	svc.Mounts = []release.Mount{{Kind: release.MountVolume, Source: "nowhere", Target: "/data"}}
	if err := e.Create(t.Context(), spec("a", svc)); release.KindOf(err) != release.KindNotFound {
		t.Errorf("got %v", err)
	}
}

func TestVolumeIsExportedAndImported(t *testing.T) {
	e := start(t)
	e.run("a", e.harbour())
	var tar bytes.Buffer
	if err := e.ExportVolume(t.Context(), env, "data", &tar); err != nil {
		t.Fatal(err)
	}
	if err := e.ImportVolume(t.Context(), env, "copy", &tar); err != nil {
		t.Fatal(err)
	}
	e.run("b", e.harbour(release.Mount{Kind: release.MountVolume, Source: "copy", Target: "/data"}))
	if got := e.sh("b", "cat /data/seed; stat -c '%a %u %g' /data/seed"); got != "from the image\n640 1000 1001" {
		t.Errorf("saw %q", got)
	}
	volumes, err := e.Volumes(env)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, v := range volumes {
		names = append(names, v.Name)
	}
	if diff := cmp.Diff([]string{"copy", "data"}, names); diff != "" {
		t.Error(diff)
	}
	if err := e.RemoveVolume(t.Context(), env, "copy"); err != nil {
		t.Fatal(err)
	}
	if _, err := e.Volume(env, "copy"); release.KindOf(err) != release.KindNotFound {
		t.Errorf("got %v", err)
	}
}

func TestHostPathIsBound(t *testing.T) {
	e := start(t)
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "file"), []byte("host"), 0o644); err != nil {
		t.Fatal(err)
	}
	svc := e.service("sleep", "600")
	svc.Mounts = []release.Mount{{Kind: release.MountBind, Source: dir, Target: "/host", ReadOnly: true}}
	e.run("a", svc)
	if got := e.sh("a", "cat /host/file; touch /host/x 2>/dev/null || echo ' refused'"); got != "host refused" {
		t.Errorf("saw %q", got)
	}
}
