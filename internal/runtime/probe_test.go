package runtime_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/seaworthyhq/seaworthy/internal/release"
	"github.com/seaworthyhq/seaworthy/internal/runtime"
)

func TestProbeRunsTheTest(t *testing.T) {
	forEachRuntime(t, func(t *testing.T, e *engine) {
		e.run("web-1", e.service("sleep", "600"))
		for _, tc := range []struct {
			name   string
			health release.Health
			ok     bool
			output string
		}{
			{"well", release.Health{Test: []string{"CMD", "echo", "fine"}}, true, "fine\n"},
			{"unwell", release.Health{Test: []string{"CMD-SHELL", "echo sick >&2; exit 1"}}, false, "sick\n"},
			{"well, and leaves a child", release.Health{Test: []string{"CMD-SHELL", "sleep 600 & echo fine"}}, true, "fine\n"},
			{"unwell, and leaves a child", release.Health{Test: []string{"CMD-SHELL", "sleep 600 & echo sick; exit 1"}}, false, "sick\n"},
			{"well, and talks", release.Health{Test: []string{"CMD-SHELL", "yes | head -c 1000000"}}, true, "y\ny\n"},
			{"slow", release.Health{Test: []string{"CMD", "sleep", "600"}, Timeout: release.Duration(200 * time.Millisecond)}, false, "the test took longer"},
		} {
			t.Run(tc.name, func(t *testing.T) {
				ok, output, err := e.Probe(t.Context(), "web-1", tc.health)
				if err != nil || ok != tc.ok || !strings.HasPrefix(output, tc.output) || len(output) > 4096 {
					t.Errorf("got %v, %.100q in %d bytes, %v", ok, output, len(output), err)
				}
			})
		}
		if got := e.sh("web-1", "ps | grep -c '[s]leep 600'"); got != "1" {
			t.Errorf("%s processes sleep, want the replica's alone", got)
		}
	})
}

func TestNoFileOfTheHostGoesIntoAReplica(t *testing.T) {
	forEachRuntime(t, func(t *testing.T, e *engine) {
		svc := e.service("sleep", "600")
		svc.User = "4242:4242"
		e.run("web-1", svc)
		health := release.Health{Test: []string{"CMD-SHELL", "for fd in 0 1 2; do stat -L -c %F /proc/self/fd/$fd; done"}}
		if _, output, err := e.Probe(t.Context(), "web-1", health); err != nil || output != strings.Repeat("fifo\n", 3) {
			t.Errorf("a health test has %q, %v", output, err)
		}
		var host, inside unix.Stat_t
		if err := unix.Stat("/dev/null", &host); err != nil {
			t.Fatal(err)
		}
		if err := unix.Stat(fmt.Sprintf("/proc/%d/fd/0", processOf(t, "web-1", e.root)), &inside); err != nil {
			t.Fatal(err)
		}
		if host.Dev == inside.Dev && host.Ino == inside.Ino {
			t.Error("the replica has the host's /dev/null as its input")
		}
	})
}

func TestSecretsAreBlankedInWhatATestSays(t *testing.T) {
	const secret = "open-sesame"
	e := start(t)
	svc := e.service("sleep", "600")
	svc.Secrets = []release.Secret{{Name: "password", Target: "/run/secrets/password"}}
	e.run("web-1", svc, func(s *runtime.Spec) { s.Secrets = map[string][]byte{"password": []byte(secret)} })
	for name, tc := range map[string]struct{ script, want string }{
		"a failure":        {"echo it is $(cat /run/secrets/password) >&2; false", "it is •••\n"},
		"across the limit": {"head -c 4090 /dev/zero | tr '\\0' x; cat /run/secrets/password; yes | head -c 9000; false", strings.Repeat("x", 4090)},
	} {
		ok, output, err := e.Probe(t.Context(), "web-1", release.Health{Test: []string{"CMD-SHELL", tc.script}})
		if err != nil || ok || output != tc.want {
			t.Errorf("%s: got %v, …%.100q, %v", name, ok, output[max(0, len(output)-50):], err)
		}
	}
}

func TestAnOpenPortIsSeenWithoutBeingTouched(t *testing.T) {
	e := start(t)
	// It ends with the first connection.
	e.run("web-1", e.service("nc", "-l", "-p", "8080"))
	for !e.Listens("web-1", 8080, 9090) {
		if err := t.Context().Err(); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Millisecond)
	}
	if e.Listens("web-1", 80, 9090) {
		t.Error("ports are seen that nobody opened")
	}
	if got := e.sh("web-1", "ps | grep -c '[n]c -l'"); got != "1" {
		t.Errorf("%s listen, want the one that was looked at", got)
	}
}

func TestExecGivesInputAndExitCode(t *testing.T) {
	e := start(t)
	e.run("web-1", e.service("sleep", "600"))
	var out, errs bytes.Buffer
	code, err := e.Exec(t.Context(), "web-1", runtime.ExecSpec{
		Args: []string{"sh", "-c", "cat; id -u; pwd; echo $HOME; echo $MORE >&2; exit 7"},
		Env:  []string{"MORE=more"}, User: "sailor", Cwd: "/tmp",
		Attachment: runtime.Attachment{Stdin: strings.NewReader("in\n"), Stdout: &out, Stderr: &errs},
	})
	if err != nil || code != 7 || out.String() != "in\n1000\n/tmp\n/home/sailor\n" || errs.String() != "more\n" {
		t.Errorf("got %d, %q, %q, %v", code, out.String(), errs.String(), err)
	}
}

func TestExecInATerminalOfThatSize(t *testing.T) {
	forEachRuntime(t, func(t *testing.T, e *engine) {
		e.run("web-1", e.service("sleep", "600"))
		sizes := make(chan runtime.Size, 1)
		changed := onFirst(func() { sizes <- runtime.Size{Width: 99, Height: 33} })
		var out bytes.Buffer
		code, err := e.Exec(t.Context(), "web-1", runtime.ExecSpec{
			Args:       []string{"sh", "-c", `stty size; until test "$(stty size 2>/dev/null)" = "33 99"; do usleep 10000; done; tty`},
			Size:       runtime.Size{Width: 60, Height: 20},
			Attachment: runtime.Attachment{TTY: true, Stdout: io.MultiWriter(&out, changed), Resize: sizes},
		})
		if err != nil || code != 0 || !strings.HasPrefix(out.String(), "20 60\r\n/dev/pts/") {
			t.Errorf("got %d, %q, %v", code, out.String(), err)
		}
	})
}

func TestExecEndsWithItsContext(t *testing.T) {
	forEachRuntime(t, func(t *testing.T, e *engine) {
		e.run("web-1", e.service("sleep", "600"))
		ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
		defer cancel()
		if _, err := e.Exec(ctx, "web-1", runtime.ExecSpec{Args: []string{"sleep", "300"}}); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %v", err)
		}
	})
}

func TestExecHasTheExitCodeOfWhatEndedBeforeItsCallerWent(t *testing.T) {
	e := start(t)
	e.run("web-1", e.service("sleep", "600"))
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	begun, done := make(chan struct{}), make(chan struct{})
	var code int
	var err error
	go func() {
		defer close(done)
		code, err = e.Exec(ctx, "web-1", runtime.ExecSpec{
			Args:       []string{"sh", "-c", "setsid sleep 500 & echo begun; exit 7"}, // whoever holds its output open is out of reach
			Attachment: runtime.Attachment{Stdout: onFirst(func() { close(begun) })},
		})
	}()
	<-begun
	eventually(t, "it ends", func() bool { return e.sh("web-1", "ps | grep -c '[e]xit 7' || true") == "0" })
	cancel()
	if <-done; err != nil || code != 7 {
		t.Errorf("got %d, %v", code, err)
	}
}

func TestASlowCallerGetsAllThatAnEndedProcessWrote(t *testing.T) {
	e := start(t)
	e.run("web-1", e.service("sleep", "600"))
	var out bytes.Buffer
	slow := onFirst(func() { time.Sleep(3 * time.Second) }) // longer than silence would be taken for the end
	code, err := e.Exec(t.Context(), "web-1", runtime.ExecSpec{
		Args: []string{"head", "-c", "60000", "/dev/zero"}, Attachment: runtime.Attachment{Stdout: io.MultiWriter(slow, &out)},
	})
	if err != nil || code != 0 || out.Len() != 60000 {
		t.Errorf("got %d, %v, and %d bytes of 60000", code, err, out.Len())
	}
}

func TestExecInAReplicaThatEndedIsAnError(t *testing.T) {
	e := start(t)
	e.run("web-1", e.service("true"))
	e.ended("web-1")
	if _, err := e.Exec(t.Context(), "web-1", runtime.ExecSpec{Args: []string{"true"}}); release.KindOf(err) != release.KindConflict {
		t.Errorf("got %v", err)
	}
}
