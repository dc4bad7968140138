package build_test

import (
	"bufio"
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/containerd/containerd/v2/core/mount"
	"github.com/moby/sys/mountinfo"
	"golang.org/x/sys/unix"

	"github.com/seaworthyhq/seaworthy/internal/build"
	"github.com/seaworthyhq/seaworthy/internal/build/worker"
	"github.com/seaworthyhq/seaworthy/internal/event"
	"github.com/seaworthyhq/seaworthy/internal/store"
	"github.com/seaworthyhq/seaworthy/internal/store/storetest"
)

// processes are the ids of those with mark among their arguments.
func processes(t testing.TB, mark string) (pids []int) {
	t.Helper()
	paths, err := filepath.Glob("/proc/[0-9]*/cmdline")
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range paths {
		args, _ := os.ReadFile(path) // it may be gone
		if bytes.Contains(args, []byte(mark)) {
			pid, _ := strconv.Atoi(filepath.Base(filepath.Dir(path)))
			if pid != os.Getpid() {
				pids = append(pids, pid)
			}
		}
	}
	return pids
}

const (
	childRoot = "SEAWORTHY_BUILD_TEST_ROOT"
	reapMark  = "31339.25"
)

// TestKilledChild is not a test: it is the engine that TestEngineKilledInTheMiddleOfABuild kills.
func TestKilledChild(t *testing.T) {
	root := os.Getenv(childRoot)
	if root == "" {
		t.Skip("runs as a child only")
	}
	s, err := store.Open(t.Context(), store.Config{Root: root})
	if err != nil {
		t.Fatal(err)
	}
	storetest.Busybox(t, s, storetest.Image{Ref: "docker.io/library/busybox:latest"})
	y := &yard{store: s, Builder: openBuilder(t, build.Config{Root: filepath.Join(root, "build"), Store: s})}
	dir := project(t, map[string]string{"Dockerfile": "FROM busybox AS web\nRUN echo started && sleep " + reapMark + "\n"})
	sink := event.SinkFunc(func(e event.Event) {
		if e.Log != nil {
			os.Stdout.WriteString("child: " + e.Log.Line + "\n")
		}
	})
	_, err = y.Build(t.Context(), y.request(t, dir, "=web"), sink)
	t.Fatalf("the build ended: %v", err)
}

func TestEngineKilledInTheMiddleOfABuild(t *testing.T) {
	root := t.TempDir()
	child := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestKilledChild$", "-test.v")
	child.Env = append(os.Environ(), childRoot+"="+root, "TMPDIR="+t.TempDir()) // it cannot remove what it makes
	out, err := child.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(out)
	for lines.Scan() && lines.Text() != "child: started" {
		t.Log(lines.Text())
	}
	if err := child.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = child.Wait() // killed, as meant
	if len(processes(t, reapMark)) == 0 {
		t.Fatal("nothing was left to reap: the test proves nothing")
	}

	s, err := store.Open(t.Context(), store.Config{Root: root})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close(t.Context()) })
	y := &yard{store: s, Builder: openBuilder(t, build.Config{Root: filepath.Join(root, "build"), Store: s})}

	eventually(t, "the process is gone", func() bool { return len(processes(t, reapMark)) == 0 })
	if left := leftBehind(t, root); len(left) > 0 {
		t.Errorf("left behind: %s", strings.Join(left, "\n"))
	}
	dir := project(t, map[string]string{"Dockerfile": "FROM busybox AS web\nRUN echo again > /again\n"})
	res, _ := y.build(t, y.request(t, dir, "=web"))
	if got := y.read(t, res.Images["stage:web"], "again"); got != "again\n" {
		t.Errorf("image has %q", got)
	}
	if left := leftBehind(t, root); len(left) > 0 {
		t.Errorf("left behind by a build: %s", strings.Join(left, "\n"))
	}
}

// What BuildKit mounts for itself lies among the temporary files of everybody: only what shows our store is ours.
func TestTemporaryMountsOfAKilledEngineAreTakenAway(t *testing.T) {
	y := newYard(t)
	dir := project(t, map[string]string{"Dockerfile": "FROM busybox AS one\nFROM busybox AS more\nRUN echo more > /more\n"})
	res, _ := y.build(t, y.request(t, dir, "=one", "=more"))
	ctx := y.store.Context(t.Context())
	var ours []string
	for stage, image := range res.Images { // a single layer is bound, several are laid over each other
		unpacked, err := y.store.Unpack(ctx, image.Digest)
		if err != nil {
			t.Fatal(err)
		}
		view, err := y.store.Snapshotter().View(ctx, "left-"+stage, unpacked.Chain)
		if err != nil {
			t.Fatal(err)
		}
		ours = append(ours, leftMounted(t, view))
	}
	foreign := leftMounted(t, []mount.Mount{{Type: "tmpfs", Source: "tmpfs"}})
	if err := y.Close(); err != nil {
		t.Fatal(err)
	}

	y.Builder = openBuilder(t, build.Config{Root: y.root, Store: y.store})

	for _, place := range ours {
		if _, err := os.Stat(place); !os.IsNotExist(err) {
			t.Errorf("%s is there: %v", place, err)
		}
	}
	if mounted, err := mountinfo.Mounted(foreign); err != nil || !mounted {
		t.Errorf("what is somebody else's was unmounted: %v", err)
	}
}

// leftMounted mounts where BuildKit does, until the test ends.
func leftMounted(t *testing.T, mounts []mount.Mount) string {
	t.Helper()
	place, err := os.MkdirTemp("", "buildkit-mount") //nolint:usetesting // it is found by its name
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = mount.UnmountAll(place, unix.MNT_DETACH) // it may be gone, as it should
		_ = os.Remove(place)
	})
	if err := mount.All(mounts, place); err != nil {
		t.Fatal(err)
	}
	return place
}

// leftBehind are the mounts, bundles and control groups of RUN steps below a root.
func leftBehind(t testing.TB, root string) (left []string) {
	t.Helper()
	mounts, err := mountinfo.GetMounts(func(m *mountinfo.Info) (skip, stop bool) {
		return !strings.HasPrefix(m.Mountpoint, root) && !strings.Contains(m.VFSOptions, root), false
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range mounts {
		left = append(left, "mount "+m.Mountpoint)
	}
	parent := worker.DefaultCgroupParent(filepath.Join(root, "build"))
	for _, pattern := range []string{
		filepath.Join(root, "build/executor/*/config.json"),
		filepath.Join("/sys/fs/cgroup", parent, "?*", "cgroup.procs"),
		filepath.Join("/sys/fs/cgroup/*", parent, "?*", "cgroup.procs"),
	} {
		found, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		left = append(left, found...)
	}
	return left
}
