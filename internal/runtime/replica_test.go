package runtime_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/seaworthyhq/seaworthy/internal/release"
	"github.com/seaworthyhq/seaworthy/internal/runtime"
)

func TestReplicaRunsAndStops(t *testing.T) {
	forEachRuntime(t, func(t *testing.T, e *engine) {
		rep := e.run("web-1", e.service("sh", "-c", `trap 'echo bye; exit 3' TERM; echo hello; while :; do sleep 0.1; done`))
		if rep.State != release.StateRunning || rep.IP == "" || rep.Started.IsZero() {
			t.Errorf("replica is %+v", rep)
		}
		eventually(t, "it says hello", func() bool { return len(e.lines("web-1", runtime.LogOptions{})) > 0 })
		if err := e.Stop(t.Context(), "web-1", 10*time.Second, runtime.Stopped); err != nil {
			t.Fatal(err)
		}
		rep = e.ended("web-1")
		if rep.State != release.StateExited || rep.ExitCode != 3 || !rep.ExitKnown || rep.OOMKilled || !rep.Stopped {
			t.Errorf("ended as %+v", rep)
		}
		if diff := cmp.Diff([]string{"hello", "bye"}, e.lines("web-1", runtime.LogOptions{})); diff != "" {
			t.Error(diff)
		}
	})
}

func TestStopKillsAfterGrace(t *testing.T) {
	e := start(t)
	e.run("web-1", e.service("sh", "-c", `trap '' TERM; echo ready; while :; do sleep 0.1; done`))
	eventually(t, "it ignores TERM", func() bool { return len(e.lines("web-1", runtime.LogOptions{})) > 0 })
	if err := e.Stop(t.Context(), "web-1", 100*time.Millisecond, runtime.Stopped); err != nil {
		t.Fatal(err)
	}
	if rep := e.ended("web-1"); rep.ExitCode != 137 {
		t.Errorf("ended as %+v", rep)
	}
}

func TestExitCodeIsKept(t *testing.T) {
	forEachRuntime(t, func(t *testing.T, e *engine) {
		e.run("web-1", e.service("sh", "-c", "exit 42"))
		if rep := e.ended("web-1"); rep.ExitCode != 42 || !rep.ExitKnown || rep.Ended.IsZero() || rep.Stopped {
			t.Errorf("ended as %+v", rep)
		}
	})
}

func TestReplicaStartsAgainOnItsLayer(t *testing.T) {
	e := start(t)
	e.run("web-1", e.service("sh", "-c", "echo run >> /tmp/runs; wc -l < /tmp/runs"))
	e.ended("web-1")
	if err := e.Start(t.Context(), "web-1"); err != nil {
		t.Fatal(err)
	}
	rep := e.ended("web-1")
	if rep.Restarts != 1 {
		t.Errorf("restarted %d times", rep.Restarts)
	}
	if diff := cmp.Diff([]string{"1", "exited with code 0", "2"}, e.lines("web-1", runtime.LogOptions{})); diff != "" {
		t.Error(diff)
	}
}

func TestReplicaThatWasStoppedCountsNoRestartAndSaysWhy(t *testing.T) {
	e := start(t)
	e.run("web-1", e.service("sh", "-c", "echo up; exec sleep 1000"))
	if err := e.Stop(t.Context(), "web-1", 0, "replaced by #2"); err != nil {
		t.Fatal(err)
	}
	e.close()
	e.open()
	if err := e.Start(t.Context(), "web-1"); err != nil {
		t.Fatal(err)
	}
	if rep, err := e.Replica("web-1"); err != nil || rep.Restarts != 0 {
		t.Errorf("it comes back as %+v, %v", rep, err)
	}
	if diff := cmp.Diff("replaced by #2 (exited with code 137)", e.lines("web-1", runtime.LogOptions{})[1]); diff != "" {
		t.Error(diff)
	}
}

func TestKernelKillsWhatTakesTooMuchMemory(t *testing.T) {
	forEachRuntime(t, func(t *testing.T, e *engine) {
		svc := e.service("sh", "-c", "dd if=/dev/zero of=/dev/null bs=64M count=1")
		svc.Resources.MemoryBytes = 16 << 20
		e.run("web-1", svc)
		if rep := e.ended("web-1"); !rep.OOMKilled {
			t.Errorf("ended as %+v", rep)
		}
	})
}

func TestStartThatIsCutAtAnyMomentLeavesNothing(t *testing.T) {
	forEachRuntime(t, func(t *testing.T, e *engine) { // and it looks in the end that nothing is left
		svc := e.service("sleep", "1000")
		for delay := time.Duration(0); delay < 60*time.Millisecond; delay += 2 * time.Millisecond {
			if err := e.Create(t.Context(), spec("web-1", svc)); err != nil {
				t.Fatal(err)
			}
			ctx, cancel := context.WithTimeout(t.Context(), delay)
			err := e.Start(ctx, "web-1")
			cancel()
			if rep, rerr := e.Replica("web-1"); rerr != nil || (err == nil) != (rep.State == release.StateRunning) {
				t.Errorf("cut after %s: %v, but the replica is %s (%v)", delay, err, rep.State, rerr)
			}
			if err := e.Remove(t.Context(), "web-1"); err != nil {
				t.Fatal(err)
			}
		}
	})
}

func TestRemovedReplicaLeavesNothingInItsCgroup(t *testing.T) {
	e := start(t)
	if err := e.Create(t.Context(), spec("web-1", e.service("sleep", "1000"))); err != nil {
		t.Fatal(err)
	}
	group := filepath.Join(runtime.CgroupDir(e.root), env.Project, env.Name, "web-1")
	for _, procs := range []string{"/sys/fs/cgroup/pids", "/sys/fs/cgroup"} { // of version 1, of version 2
		if _, err := os.Stat(filepath.Join(procs, "cgroup.procs")); err == nil {
			group = filepath.Join(procs, group)
			break
		}
	}
	if err := os.MkdirAll(group, 0o755); err != nil {
		t.Fatal(err)
	}
	unfinished := exec.Command("sleep", "1000") // of a container that was never finished
	if err := unfinished.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = unfinished.Process.Kill() })
	if err := os.WriteFile(filepath.Join(group, "cgroup.procs"), []byte(strconv.Itoa(unfinished.Process.Pid)), 0); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- unfinished.Wait() }()

	if err := e.Remove(t.Context(), "web-1"); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(group); !os.IsNotExist(err) {
		t.Fatalf("%s is there: %v", group, err)
	}
	if err := <-ended; err == nil {
		t.Error("it has come to its end by itself")
	}
}

func TestCommandThatIsNotThereIsAnError(t *testing.T) {
	e := start(t)
	spec := runtime.Spec{ID: "web-1", Environment: env, Service: e.service("/no/such/program")}
	if err := e.Create(t.Context(), spec); err != nil {
		t.Fatal(err)
	}
	err := e.Start(t.Context(), "web-1")
	if release.KindOf(err) != release.KindRollout || !strings.Contains(err.Error(), "/no/such/program") {
		t.Errorf("got %v", err)
	}
	if rep, err := e.Replica("web-1"); err != nil || rep.State != release.StateCreated {
		t.Errorf("replica is %+v, %v", rep, err)
	}
}

func TestCreateThatFailsLeavesNothing(t *testing.T) {
	e := start(t)
	svc := e.service("true")
	svc.User = "nobody-knows-them"
	err := e.Create(t.Context(), runtime.Spec{ID: "web-1", Environment: env, Service: svc})
	if release.KindOf(err) != release.KindProject {
		t.Errorf("got %v", err)
	}
	if _, err := e.Replica("web-1"); !errors.Is(err, runtime.ErrNotFound) {
		t.Errorf("replica is there: %v", err)
	}
	e.run("web-1", e.service("sleep", "600"))
}

func TestSecondCreateFindsTheFirst(t *testing.T) {
	e := start(t)
	svc := e.service("sleep", "600")
	e.run("web-1", svc)
	err := e.Create(t.Context(), runtime.Spec{ID: "web-1", Environment: env, Service: svc})
	if !errors.Is(err, runtime.ErrExists) {
		t.Errorf("got %v", err)
	}
}

func TestChangesAreSeen(t *testing.T) {
	e := start(t)
	changes := e.Watch(t.Context())
	e.run("web-1", e.service("true"))
	e.ended("web-1")
	if err := e.Remove(t.Context(), "web-1"); err != nil {
		t.Fatal(err)
	}
	var states []string
	for change := range changes {
		states = append(states, string(change.Replica.State))
		if change.Removed {
			break
		}
	}
	if len(states) < 3 || states[0] != "created" || states[len(states)-1] != "exited" {
		t.Errorf("saw %s", states)
	}
}

func TestLogsOfRemovedReplicasAreKept(t *testing.T) {
	e := start(t)
	e.run("web-1", e.service("sh", "-c", "echo last words; exit 9"))
	e.ended("web-1")
	if err := e.Remove(t.Context(), "web-1"); err != nil {
		t.Fatal(err)
	}
	previous, err := e.Previous(env)
	if err != nil || len(previous) != 1 || previous[0].ExitCode != 9 {
		t.Fatalf("previous are %+v, %v", previous, err)
	}
	if diff := cmp.Diff([]string{"last words"}, e.lines("web-1", runtime.LogOptions{})); diff != "" {
		t.Error(diff)
	}
}

func TestAReplicaThatComesBackHasALogOfItsOwn(t *testing.T) {
	e := start(t)
	for i := range 7 {
		e.run("web-1", e.service("sh", "-c", fmt.Sprintf("echo %d; exit %d", i, i)))
		e.ended("web-1")
		if diff := cmp.Diff([]string{fmt.Sprint(i)}, e.lines("web-1", runtime.LogOptions{})); diff != "" {
			t.Error(diff)
		}
		if err := e.Remove(t.Context(), "web-1"); err != nil {
			t.Fatal(err)
		}
	}
	e.run("web-1", e.service("sleep", "600"))
	previous, err := e.Previous(env)
	if err != nil {
		t.Fatal(err)
	}
	var said []string
	for _, p := range previous {
		log := p.OpenLog(runtime.LogOptions{})
		defer log.Close()
		for line, err := range log.Backlog() {
			if err != nil {
				t.Fatal(err)
			}
			said = append(said, fmt.Sprintf("%s, exit code %d", line.Line, p.ExitCode))
		}
	}
	want := []string{"6, exit code 6", "5, exit code 5", "4, exit code 4", "3, exit code 3", "2, exit code 2"} // as many as are kept
	if diff := cmp.Diff(want, said); diff != "" {
		t.Error(diff)
	}
}

func TestFollowedLogEndsWithTheReplica(t *testing.T) {
	e := start(t)
	e.run("web-1", e.service("sh", "-c", "for i in 1 2 3; do echo $i; sleep 0.1; done"))
	if diff := cmp.Diff([]string{"1", "2", "3"}, e.lines("web-1", runtime.LogOptions{Follow: true})); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]string{"3"}, e.lines("web-1", runtime.LogOptions{Tail: 1})); diff != "" {
		t.Error(diff)
	}
}
