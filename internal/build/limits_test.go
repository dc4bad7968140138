package build_test

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/containerd/cgroups/v3"

	"github.com/seaworthyhq/seaworthy/internal/build"
	"github.com/seaworthyhq/seaworthy/internal/build/worker"
	"github.com/seaworthyhq/seaworthy/internal/release"
	"github.com/seaworthyhq/seaworthy/internal/store/storetest"
)

// memoryReached is what the kernel's control groups let us say of a limit of 32 MiB.
var memoryReached = func() string {
	if cgroups.Mode() == cgroups.Unified {
		return "it was killed at the limit of 32 MiB of memory for all builds"
	}
	return "all builds together had reached their limit of 32 MiB of memory while it ran"
}()

func TestRUNThatReachesALimitSaysSo(t *testing.T) {
	for name, tc := range map[string]struct {
		limits        worker.Limits
		run           string
		message, hint string
	}{
		"memory": {
			limits:  worker.Limits{MemoryBytes: 32 << 20, CPUs: 1},
			run:     "dd if=/dev/zero of=/dev/null bs=256M count=1",
			message: "exited with code 137: " + memoryReached,
			hint:    "build.memoryBytes",
		},
		"memory of a child": {
			limits:  worker.Limits{MemoryBytes: 32 << 20},
			run:     "dd if=/dev/zero of=/dev/null bs=256M count=1 || exit 3",
			message: "exited with code 3: " + memoryReached,
			hint:    "build.memoryBytes",
		},
		"processes": {
			limits:  worker.Limits{PIDs: 32},
			run:     "bomb() { bomb | bomb; }; bomb",
			message: ": it had reached the limit of 32 processes and threads",
			hint:    "build.pids",
		},
		"none": {
			limits:  worker.Limits{MemoryBytes: 512 << 20, PIDs: 64},
			run:     "exit 137",
			message: "RUN exit 137 exited with code 137",
			hint:    "correct it",
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := storetest.Open(t)
			storetest.Busybox(t, s, storetest.Image{Ref: "docker.io/library/busybox:latest"})
			root := t.TempDir()
			y := &yard{store: s, Builder: openBuilder(t, build.Config{Root: root, Store: s, Worker: worker.Config{Limits: tc.limits}})}
			dir := project(t, map[string]string{"Dockerfile": "FROM busybox AS web\nRUN " + tc.run + "\n"})
			u, _ := y.fail(t, y.request(t, dir, "=web"))
			if u.Kind != release.KindBuild || !strings.HasSuffix(u.Error(), tc.message) || !strings.Contains(u.Hint, tc.hint) {
				t.Errorf("error %v, hint %q", u, u.Hint)
			}
			if err := y.Close(); err != nil {
				t.Fatal(err)
			}
			noGroups(t, root)
		})
	}
}

func TestALimitThatAnotherRUNReachedIsNotTheReason(t *testing.T) {
	s := storetest.Open(t)
	storetest.Busybox(t, s, storetest.Image{Ref: "docker.io/library/busybox:latest"})
	y := &yard{store: s, Builder: openBuilder(t, build.Config{Root: t.TempDir(), Store: s, Worker: worker.Config{Limits: worker.Limits{MemoryBytes: 32 << 20}}})}
	dir := project(t, map[string]string{"Dockerfile": `FROM busybox AS glutton
RUN --mount=type=cache,target=/shared dd if=/dev/zero of=/dev/null bs=256M count=1; touch /shared/killed; sleep 600
FROM busybox AS web
RUN --mount=type=cache,target=/shared until [ -e /shared/killed ]; do sleep 0.01; done; exit 7
`})
	u, _ := y.fail(t, y.request(t, dir, "=glutton", "=web"))
	want := "exited with code 7"
	if cgroups.Mode() != cgroups.Unified { // there the kernel does not tell whose it was
		want += ": " + memoryReached
	}
	if !strings.HasSuffix(u.Error(), want) {
		t.Errorf("error %v", u)
	}
}

func TestARUNLeavesNoControlGroup(t *testing.T) {
	y := newYard(t)
	dir := project(t, map[string]string{"Dockerfile": "FROM busybox AS web\nRUN true\n"})
	y.build(t, y.request(t, dir, "=web"))
	eventually(t, "the step's group is gone", func() bool { return len(groups(t, y.root, "?*")) == 0 })
}

func noGroups(t *testing.T, root string) {
	t.Helper()
	if left := groups(t, root, ""); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}

// groups are the folders of control groups of the builder at root that match a pattern.
func groups(t *testing.T, root, pattern string) (found []string) {
	t.Helper()
	for _, hierarchy := range []string{"/sys/fs/cgroup", "/sys/fs/cgroup/*"} {
		dirs, err := filepath.Glob(filepath.Join(hierarchy, worker.DefaultCgroupParent(root), pattern, "cgroup.procs"))
		if err != nil {
			t.Fatal(err)
		}
		found = append(found, dirs...)
	}
	return found
}
