package runtime_test

import (
	"os"
	"os/exec"
	"testing"

	"github.com/seaworthyhq/seaworthy/internal/runtime"
)

// jail runs the rest of its arguments in a chroot that shows the whole machine, and takes everything with it when it ends.
const jail = `
jail=$1; shift
mount --make-rprivate /
mount --bind / "$jail"
for dir in dev sys tmp; do mount --rbind /$dir "$jail/$dir"; done
mount -t proc proc "$jail/proc"
mount -t tmpfs tmpfs "$jail/run"
here=$PWD
exec chroot "$jail" sh -c 'cd "$1" && shift && exec "$@"' sh "$here" "$@"
`

func TestReplicasAreWholeInAChroot(t *testing.T) {
	needsRoot(t)
	inside := exec.CommandContext(t.Context(), "unshare", "--mount", "--pid", "--fork", "--kill-child",
		"sh", "-euc", jail, "sh", t.TempDir(), os.Args[0], "-test.v", "-test.run=^(TestHostPathIsBound|TestProbeRunsTheTest)$")
	out, err := inside.CombinedOutput()
	if err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}

// Machines with cgroups of version 2 alone have nothing to hide from crun.
func TestCrunWorksWithoutMixedCgroups(t *testing.T) {
	needsRoot(t)
	needsCrun(t)
	e := startWith(t, program, "crun")
	script := `umount --lazy /sys/fs/cgroup/unified 2>/dev/null; exec "$1" --version`
	if out, err := exec.CommandContext(t.Context(), "unshare", "--mount", "sh", "-c", script, "sh", e.ociRuntime()).CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}

// Below the second hierarchy lies a file system that nobody looks into until it is full.
func TestCrunLeavesNothingBelowTheSecondHierarchy(t *testing.T) {
	needsRoot(t)
	needsCrun(t)
	e := startWith(t, program, "crun")
	e.run("web-1", e.service("sleep", "600"))
	script := `umount --lazy /sys/fs/cgroup/unified 2>/dev/null; ls -d "/sys/fs/cgroup/unified$1"`
	if out, err := exec.CommandContext(t.Context(), "unshare", "--mount", "sh", "-c", script, "sh", runtime.CgroupDir(e.root)).Output(); err == nil {
		t.Errorf("left: %s", out)
	}
}
