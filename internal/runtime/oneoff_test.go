package runtime_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/seaworthyhq/seaworthy/internal/release"
	"github.com/seaworthyhq/seaworthy/internal/runtime"
)

// oneOff makes a one-off of the service, not started yet.
func (e *engine) oneOff(id string, svc release.Service) {
	e.t.Helper()
	s := spec(id, svc)
	s.OneOff = true
	if err := e.Create(e.t.Context(), s); err != nil {
		e.t.Fatal(err)
	}
}

func TestOneOffRunsWithItsCallerAndCountsAsNoReplica(t *testing.T) {
	forEachRuntime(t, func(t *testing.T, e *engine) {
		changes := e.Watch(t.Context())
		e.oneOff("web-run", e.service("sh", "-c", "cat; echo $$ >&2; exit 9"))
		var out, errs bytes.Buffer
		rep, err := e.RunAttached(t.Context(), "web-run", runtime.Attachment{Stdin: strings.NewReader("in\n"), Stdout: &out, Stderr: &errs})
		if err != nil || rep.ExitCode != 9 || out.String() != "in\n" || errs.String() == "" || errs.String() == "1\n" {
			t.Errorf("got %+v, %q, %q, %v", rep, out.String(), errs.String(), err)
		}
		if found := e.Replicas(env); len(found) != 0 {
			t.Errorf("it counts as a replica: %+v", found)
		}
		if found := e.OneOffs(env); len(found) != 1 {
			t.Errorf("%d one-offs, want it alone", len(found))
		}
		e.run("web-1", e.service("sleep", "600"))
		if first := <-changes; first.Replica.ID != "web-1" {
			t.Errorf("watchers hear of it: %+v", first)
		}
		if err := e.Remove(t.Context(), "web-run"); err != nil {
			t.Fatal(err)
		}
		if found, err := e.Previous(env); err != nil || len(found) != 0 {
			t.Errorf("it left logs: %+v, %v", found, err)
		}
	})
}

func TestOneOffEndsWithItsContextAndHearsSignals(t *testing.T) {
	e := start(t)
	script := `trap 'echo heard; exit 4' INT; echo ready; while :; do sleep 0.02; done`
	t.Run("signal", func(t *testing.T) {
		e.oneOff("web-signal", e.service("sh", "-c", script))
		signals := make(chan unix.Signal, 1)
		rep, err := e.RunAttached(t.Context(), "web-signal", runtime.Attachment{
			Stdout: onFirst(func() { signals <- unix.SIGINT }), Signals: signals,
		})
		if err != nil || rep.ExitCode != 4 {
			t.Errorf("got %+v, %v", rep, err)
		}
	})
	t.Run("end", func(t *testing.T) {
		e.oneOff("web-end", e.service("sh", "-c", script))
		ctx, cancel := context.WithCancel(t.Context())
		_, err := e.RunAttached(ctx, "web-end", runtime.Attachment{Stdout: onFirst(cancel)})
		if !errors.Is(err, context.Canceled) || processOf(t, "web-end", e.root) != 0 {
			t.Errorf("it runs on, or was not told why it ended: %v", err)
		}
	})
	for _, id := range []string{"web-signal", "web-end"} {
		if err := e.Remove(t.Context(), id); err != nil {
			t.Error(err)
		}
	}
}

func TestOneOffOfAKilledEngineIsRemoved(t *testing.T) {
	e := start(t)
	e.oneOff("web-run", e.service("sh", "-c", "echo ready; sleep 600"))
	ready := make(chan struct{})
	go func() { // its end is the engine's, which the caller does not outlive
		_, _ = e.RunAttached(context.WithoutCancel(t.Context()), "web-run", runtime.Attachment{Stdout: onFirst(func() { close(ready) })})
	}()
	<-ready
	eventually(t, "the engine knows that it runs", func() bool { return e.OneOffs(env)[0].State == release.StateRunning })
	e.close()
	if processOf(t, "web-run", e.root) == 0 {
		t.Fatal("it ended with the engine: the test shows nothing")
	}
	e.open()
	if found := e.OneOffs(env); len(found) != 0 {
		t.Errorf("it is there: %+v", found)
	}
	if processOf(t, "web-run", e.root) != 0 {
		t.Error("it runs on")
	}
}

func TestExecOfAKilledEngineIsEnded(t *testing.T) {
	forEachRuntime(t, func(t *testing.T, e *engine) {
		e.run("web-1", e.service("sleep", "600"))
		ready := make(chan struct{})
		go func() {
			_, _ = e.Exec(context.WithoutCancel(t.Context()), "web-1", runtime.ExecSpec{
				Args: []string{"sh", "-c", "echo ready; sleep 301; true"}, Attachment: runtime.Attachment{Stdout: onFirst(func() { close(ready) })},
			})
		}()
		<-ready
		e.close()
		e.open()
		eventually(t, "it ends with its children", func() bool { return e.sh("web-1", "ps | grep -c '[s]leep 301' || true") == "0" })
		eventually(t, "nothing is remembered of it", func() bool {
			left, err := os.ReadDir(e.root + "/containers/web-1/execs")
			return err == nil && len(left) == 0
		})
	})
}

// TestExecThatTheShimDoesNotKnowIsEnded runs a process as a start leaves it that was cut with its engine: past the shim.
func TestExecThatTheShimDoesNotKnowIsEnded(t *testing.T) {
	forEachRuntime(t, func(t *testing.T, e *engine) {
		e.run("web-1", e.service("sleep", "600"))
		e.sh("web-1", "true") // makes the folder where processes are remembered
		cmd := exec.Command(e.ociRuntime(), "--root", filepath.Join(runtime.RunDir(e.root), e.oci, "seaworthy"), "exec", "--detach", "web-1", "sleep", "302")
		if err := cmd.Run(); err != nil { // what it writes is not waited for: the process would have to end
			t.Fatal(err)
		}
		dir := filepath.Join(e.root, "containers", "web-1", "execs")
		if err := os.WriteFile(filepath.Join(dir, "exec-CUT"), nil, 0o600); err != nil {
			t.Fatal(err)
		}
		e.close()
		e.open()
		eventually(t, "it ends", func() bool { return e.sh("web-1", "ps | grep -c '[s]leep 302' || true") == "0" })
	})
}

func TestCommandThatCannotRunSaysSo(t *testing.T) {
	forEachRuntime(t, func(t *testing.T, e *engine) {
		e.run("web-1", e.service("sleep", "600"))
		for command, code := range map[string]int{"nope": 127, "/etc/passwd": 126, "/nope": 127, "/etc": 126} {
			_, err := e.Exec(t.Context(), "web-1", runtime.ExecSpec{Args: []string{command}})
			if refused, ok := errors.AsType[*runtime.CommandError](err); !ok || refused.Code != code {
				t.Errorf("exec %s: got %v, want code %d", command, err, code)
			}
			id := fmt.Sprintf("web-run%d-%s", code, strings.ReplaceAll(command, "/", ""))
			e.oneOff(id, e.service(command))
			rep, err := e.RunAttached(t.Context(), id, runtime.Attachment{})
			if err != nil || rep.ExitCode != code {
				t.Errorf("run %s: got %d, %v, want code %d", command, rep.ExitCode, err, code)
			}
			if err := e.Remove(t.Context(), id); err != nil {
				t.Error(err)
			}
		}
		for _, astray := range []runtime.ExecSpec{{Args: []string{"id"}, User: "nobody-here"}, {Args: []string{"id"}, Cwd: "/nowhere"}} {
			_, err := e.Exec(t.Context(), "web-1", astray)
			if refused, ok := errors.AsType[*runtime.CommandError](err); !ok || refused.Code != 126 {
				t.Errorf("exec as %q in %q: got %v", astray.User, astray.Cwd, err)
			}
		}
	})
}

// onFirst calls f at the first write.
func onFirst(f func()) io.Writer { return &firstWrite{f: f} }

type firstWrite struct{ f func() }

func (w *firstWrite) Write(p []byte) (int, error) {
	if w.f != nil {
		w.f()
		w.f = nil
	}
	return len(p), nil
}
