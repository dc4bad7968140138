package runtime_test

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"github.com/seaworthyhq/seaworthy/internal/release"
	"github.com/seaworthyhq/seaworthy/internal/runtime"
)

func TestReplicaOutlivesTheEngineAndIsAdopted(t *testing.T) {
	e := start(t)
	before := e.run("web-1", e.service("sh", "-c", `echo up; trap 'exit 4' TERM; while :; do sleep 0.05; done`))
	e.close()
	if pid := processOf(t, "web-1", e.root); pid == 0 {
		t.Fatal("it ended with the engine")
	}
	e.open()
	after, err := e.Replica("web-1")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(before, after); diff != "" {
		t.Error(diff)
	}
	if got := e.sh("web-1", "echo still here"); got != "still here" {
		t.Errorf("exec says %q", got)
	}
	if err := e.Stop(t.Context(), "web-1", 10e9, runtime.Stopped); err != nil {
		t.Fatal(err)
	}
	if rep := e.ended("web-1"); rep.ExitCode != 4 || !rep.ExitKnown {
		t.Errorf("ended as %+v", rep)
	}
}

func TestReplicaGoesOnUnderAnotherOCIRuntime(t *testing.T) {
	needsRoot(t)
	needsCrun(t)
	for before, after := range map[string]string{"runc": "crun", "crun": "runc"} {
		t.Run(before+" to "+after, func(t *testing.T) {
			e := startWith(t, program, before)
			for _, id := range []string{"web-1", "web-2"} {
				e.run(id, e.service("sleep", "600"))
			}
			e.close()
			e.oci = after
			e.open()
			e.sh("web-1", "true")
			if err := e.Stop(t.Context(), "web-1", 0, runtime.Stopped); err != nil {
				t.Fatal(err)
			}
			if err := e.Start(t.Context(), "web-1"); err != nil {
				t.Fatal(err)
			}
			e.sh("web-1", "true")
			if err := unix.Kill(shimOf(t, "web-2", e.root), unix.SIGKILL); err != nil {
				t.Fatal(err)
			}
			if e.ended("web-2"); processOf(t, "web-2", e.root) != 0 {
				t.Error("what the former runtime made is not cleared away")
			}
		})
	}
}

func TestExitWithoutAnEngineKeepsItsCode(t *testing.T) {
	e := start(t)
	e.run("web-1", e.service("sh", "-c", `echo up; while ! test -e /tmp/go; do sleep 0.02; done; echo down; exit 17`))
	rootfs := filepath.Join(e.root, "containers", "web-1", "bundle", "rootfs")
	e.close()
	if err := os.WriteFile(filepath.Join(rootfs, "tmp", "go"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	eventually(t, "its shim writes the exit", func() bool {
		_, err := os.Stat(filepath.Join(e.root, "containers", "web-1", "exit.json"))
		return err == nil
	})
	e.open()
	rep := e.ended("web-1")
	if rep.ExitCode != 17 || !rep.ExitKnown {
		t.Errorf("ended as %+v", rep)
	}
	if diff := cmp.Diff([]string{"up", "down"}, e.lines("web-1", runtime.LogOptions{})); diff != "" {
		t.Error(diff)
	}
}

func TestShimThatIsKilledTakesItsReplicaAlong(t *testing.T) {
	for _, tc := range []struct {
		name string
		open bool // while the engine runs
	}{{"while the engine runs", true}, {"while it does not", false}} {
		t.Run(tc.name, func(t *testing.T) {
			e := start(t)
			e.run("web-1", e.service("sleep", "600"))
			shim := shimOf(t, "web-1", e.root)
			if !tc.open {
				e.close()
			}
			if err := unix.Kill(shim, unix.SIGKILL); err != nil {
				t.Fatal(err)
			}
			if !tc.open {
				e.open()
			}
			rep := e.ended("web-1")
			if rep.State != release.StateExited || rep.ExitKnown || rep.Detail == "" {
				t.Errorf("ended as %+v", rep)
			}
			if pid := processOf(t, "web-1", e.root); pid != 0 {
				t.Errorf("its process %d runs on", pid)
			}
			if err := e.Start(t.Context(), "web-1"); err != nil {
				t.Fatal(err)
			}
			e.sh("web-1", "true")
		})
	}
}

func TestHalfMadeReplicaIsCleared(t *testing.T) {
	e := start(t)
	if err := e.Create(t.Context(), spec("web-1", e.service("sleep", "600"))); err != nil {
		t.Fatal(err)
	}
	e.close()
	path := filepath.Join(e.root, "containers", "web-1", "container.json")
	record, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	unfinished := bytes.Replace(record, []byte(`"ready":true`), []byte(`"ready":false`), 1)
	if err := os.WriteFile(path, unfinished, 0o600); err != nil {
		t.Fatal(err)
	}
	e.open()
	if _, err := e.Replica("web-1"); !errors.Is(err, runtime.ErrNotFound) {
		t.Errorf("it is there: %v", err)
	}
	e.assertNothingLeft()
}

// TestReplicaIsStartedAfterAReboot takes away all that a reboot takes: processes, mounts, namespaces, bridges.
func TestReplicaIsStartedAfterAReboot(t *testing.T) {
	e := start(t)
	e.run("web-1", e.service("sh", "-c", "echo run >> /tmp/runs; sleep 600"))
	eventually(t, "it has run", func() bool { return e.sh("web-1", "cat /tmp/runs; true") == "run" })
	before, err := e.Replica("web-1")
	if err != nil {
		t.Fatal(err)
	}
	shim := shimOf(t, "web-1", e.root)
	process := processOf(t, "web-1", e.root)
	bridge := e.Networks()[0].Bridge
	e.close()
	for _, pid := range []int{shim, process} {
		if err := unix.Kill(pid, unix.SIGKILL); err != nil {
			t.Fatal(err)
		}
	}
	reboot(t, e, bridge)
	e.open()
	if rep := e.ended("web-1"); rep.State != release.StateExited || rep.ExitKnown {
		t.Errorf("after the reboot it is %+v", rep)
	}
	if err := e.Start(t.Context(), "web-1"); err != nil {
		t.Fatal(err)
	}
	after, err := e.Replica("web-1")
	if err != nil || after.IP != before.IP {
		t.Errorf("address was %s, is %s, %v", before.IP, after.IP, err)
	}
	eventually(t, "it has run twice on the same layer", func() bool { return e.sh("web-1", "wc -l < /tmp/runs") == "2" })
}

// TestReplicaIsStartedThatRuncWasKilledIn has a process stand for the runc that goes on when engine and shim are killed.
func TestReplicaIsStartedThatRuncWasKilledIn(t *testing.T) {
	e := start(t)
	if err := e.Create(t.Context(), spec("web-1", e.service("sleep", "600"))); err != nil {
		t.Fatal(err)
	}
	shim := shimOf(t, "web-1", e.root)
	e.close()
	if err := unix.Kill(shim, unix.SIGKILL); err != nil {
		t.Fatal(err)
	}
	bundle := filepath.Join(e.root, "containers", "web-1", "bundle")
	if err := os.WriteFile(filepath.Join(bundle, ".init.pid"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	making := exec.CommandContext(t.Context(), "sh", "-c", "sleep 600; true", "create", "--bundle", bundle, "--pid-file", "init.pid", "web-1")
	making.SysProcAttr = &unix.SysProcAttr{Setpgid: true}
	making.Cancel = func() error { return unix.Kill(-making.Process.Pid, unix.SIGKILL) }
	if err := making.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- making.Wait() }()
	e.open()
	if <-ended == nil {
		t.Error("what made the container goes on")
	}
	_ = unix.Kill(-making.Process.Pid, unix.SIGKILL) // its sleep
	if err := e.Start(t.Context(), "web-1"); err != nil {
		t.Fatal(err)
	}
}

func TestReplicaThatNeverRanIsStartedAfterAReboot(t *testing.T) {
	e := start(t)
	if err := e.Create(t.Context(), spec("web-1", e.service("sleep", "600"))); err != nil {
		t.Fatal(err)
	}
	bridge := e.Networks()[0].Bridge
	shim := shimOf(t, "web-1", e.root) // it waits for the replica
	e.close()
	if err := unix.Kill(shim, unix.SIGKILL); err != nil {
		t.Fatal(err)
	}
	reboot(t, e, bridge)
	e.open()
	if err := e.Start(t.Context(), "web-1"); err != nil {
		t.Fatal(err)
	}
	if got := e.sh("web-1", "echo runs"); got != "runs" {
		t.Errorf("exec says %q", got)
	}
}

func reboot(t *testing.T, e *engine, bridge string) {
	t.Helper()
	eventually(t, "its processes are gone", func() bool { return shimPID("web-1", e.root) == 0 && processOf(t, "web-1", e.root) == 0 })
	for _, path := range []string{
		filepath.Join(e.root, "containers", "web-1", "bundle", "rootfs"),
		filepath.Join(runtime.RunDir(e.root), "netns", "web-1"),
	} {
		if err := unix.Unmount(path, unix.MNT_DETACH); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.RemoveAll(runtime.RunDir(e.root)); err != nil {
		t.Fatal(err)
	}
	removeLink(t, bridge)
}

// TestCopyOfSeaworthyPlaysAllParts has no small programs to use: a copy of the running one, which is this test's, stands in.
func TestCopyOfSeaworthyPlaysAllParts(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	e := startAs(t, self)
	svc := e.service("sh", "-c", "echo hello; exit 3")
	e.run("web-1", svc)
	if rep := e.ended("web-1"); rep.ExitCode != 3 {
		t.Errorf("ended as %+v", rep)
	}
	if diff := cmp.Diff([]string{"hello"}, e.lines("web-1", runtime.LogOptions{})); diff != "" {
		t.Error(diff)
	}
}

// shimOf is the pid of a replica's shim.
func shimOf(t *testing.T, id, root string) int {
	t.Helper()
	pid := shimPID(id, root)
	if pid == 0 {
		t.Fatalf("no shim of %s", id)
	}
	return pid
}

func shimPID(id, root string) int {
	dirs, _ := filepath.Glob("/proc/[0-9]*")
	for _, dir := range dirs {
		cwd, _ := os.Readlink(filepath.Join(dir, "cwd"))
		line, _ := os.ReadFile(filepath.Join(dir, "cmdline"))
		if cwd == filepath.Join(root, "containers", id) && bytes.HasSuffix(bytes.TrimRight(line, "\x00"), []byte("seaworthy-shim")) {
			pid, _ := strconv.Atoi(filepath.Base(dir))
			return pid
		}
	}
	return 0
}

// processOf is a pid in the replica's cgroup, or 0.
func processOf(t *testing.T, id, root string) int {
	t.Helper()
	for _, h := range []string{"/sys/fs/cgroup", "/sys/fs/cgroup/pids"} {
		b, err := os.ReadFile(filepath.Join(h, runtime.CgroupDir(root), env.Project, env.Name, id, "cgroup.procs"))
		if err != nil {
			continue
		}
		line, _, _ := bytes.Cut(b, []byte("\n"))
		if pid, err := strconv.Atoi(string(line)); err == nil {
			return pid
		}
	}
	return 0
}
