// Package e2e tests the real binary on a real engine: real builds, real replicas, real traffic.
package e2e

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"encoding/json"
)

const dockerfile = `FROM busybox AS content
RUN mkdir /www && echo one > /www/version

FROM content AS check
RUN grep -q . /www/version

FROM busybox
COPY --from=content /www /www
EXPOSE 8080
HEALTHCHECK --interval=1s CMD wget -q -O /dev/null http://localhost:8080/version
CMD ["httpd", "-f", "-p", "8080", "-h", "/www"]
`

// site is a project and an engine of its own.
type site struct {
	t              *testing.T
	bin, root, dir string
	port           int
}

func TestLifeOfAService(t *testing.T) {
	s := newSite(t)
	s.up(0)
	s.answers("one")

	t.Run("nothing changed, nothing is done", func(t *testing.T) {
		before := s.run(0, "history", "--json")
		s.up(0)
		if after := s.run(0, "history", "--json"); before != after {
			t.Errorf("a deployment came of nothing:\n%s", after)
		}
	})
	t.Run("an update fails no request", func(t *testing.T) {
		load := s.load()
		s.edit("echo one", "echo two")
		s.up(0)
		s.answers("two")
		if done, failed := load(); failed > 0 || done == 0 {
			t.Errorf("%d of %d requests failed", failed, done)
		}
	})
	t.Run("a failing check releases nothing", func(t *testing.T) {
		s.edit("grep -q .", "grep -q three")
		s.up(5)
		s.answers("two")
		s.edit("grep -q three", "grep -q .")
	})
	t.Run("a version that does not come up leaves the old one serving", func(t *testing.T) {
		s.edit(`"httpd", "-f"`, `"false", "-f"`)
		s.up(6)
		s.answers("two")
		s.edit(`"false", "-f"`, `"httpd", "-f"`)
	})
	t.Run("traffic goes on without the engine, and the next one adopts", func(t *testing.T) {
		load := s.load()
		s.killEngine()
		s.answers("two")
		s.run(0, "scale", "shop=3")
		if done, failed := load(); failed > 0 || done == 0 {
			t.Errorf("%d of %d requests failed", failed, done)
		}
	})
	t.Run("rollback goes back by digest and holds", func(t *testing.T) {
		s.run(0, "rollback")
		s.answers("one")
		s.up(7)
		s.run(0, "resume")
		s.up(0)
		s.answers("two")
	})
	s.run(0, "down", "--volumes", "--yes")
	http.DefaultClient.CloseIdleConnections() // what is open may be told 503; a new connection finds nobody
	if resp, err := http.Get(s.url()); err == nil {
		resp.Body.Close()
		t.Error("somebody listens after down")
	}
}

func newSite(t *testing.T) *site {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Fatal("the end-to-end tests run an engine and need root")
	}
	bases, err := filepath.Abs("../.cache/bases")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(bases, "index.json")); err != nil {
		t.Fatalf("base images are missing; make bases makes them: %v", err)
	}
	tmp, err := os.MkdirTemp("", "sw-e2e") // short: sockets are in it
	if err != nil {
		t.Fatal(err)
	}
	s := &site{t: t, bin: filepath.Join(tmp, "seaworthy"), root: filepath.Join(tmp, "root"), dir: filepath.Join(tmp, "shop"), port: freePort(t)}
	t.Cleanup(func() { s.clean(tmp) })
	build := exec.Command("go", "build", "-o", s.bin, "..")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build: %v\n%s", err, out)
	}
	settings := filepath.Join(tmp, "engine.yaml")
	s.write(settings, fmt.Sprintf("mirrors:\n  docker.io: [%q]\n", bases))
	t.Setenv("SEAWORTHY_CONFIG", settings)
	s.write(filepath.Join(s.dir, "Dockerfile"), dockerfile)
	s.write(filepath.Join(s.dir, "compose.yaml"), fmt.Sprintf(
		"services:\n  shop:\n    build: .\n    ports: [\"127.0.0.1:%d:8080\"]\n    stop_grace_period: 1s\n    deploy: {replicas: 2}\n", s.port))
	return s
}

// clean removes what the engine made, also when a test failed half-way.
func (s *site) clean(tmp string) {
	_ = s.command("down", "--volumes", "--yes").Run()
	var info struct{ PID, Edge int }
	if out, err := s.command("engine", "status", "--json").Output(); err == nil {
		_ = json.Unmarshal(out, &info)
	}
	_ = s.command("engine", "stop").Run()
	s.ended(info.PID)
	if info.Edge > 0 {
		_ = syscall.Kill(info.Edge, syscall.SIGTERM)
		s.ended(info.Edge)
	}
	if err := os.RemoveAll(tmp); err != nil {
		s.t.Errorf("clean up: %v", err)
	}
}

func (s *site) ended(pid int) {
	deadline := time.Now().Add(20 * time.Second)
	for pid > 0 && time.Now().Before(deadline) {
		stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
		if err != nil || strings.Contains(string(stat), ") Z ") {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	if pid > 0 {
		s.t.Errorf("process %d does not end", pid)
	}
}

func (s *site) command(args ...string) *exec.Cmd {
	return exec.Command(s.bin, append([]string{"--root", s.root, "-C", s.dir}, args...)...)
}

// run runs a verb that has to end with this exit code, and returns what it prints.
func (s *site) run(code int, args ...string) string {
	s.t.Helper()
	var out, errs bytes.Buffer
	cmd := s.command(args...)
	cmd.Stdout, cmd.Stderr = &out, &errs
	err := cmd.Run()
	if got := cmd.ProcessState.ExitCode(); got != code {
		s.t.Fatalf("seaworthy %v: exit code %d, want %d (%v)\n%s%s", args, got, code, err, out.String(), errs.String())
	}
	return out.String()
}

func (s *site) up(code int) { s.t.Helper(); s.run(code, "up") }

func (s *site) url() string { return fmt.Sprintf("http://127.0.0.1:%d/version", s.port) }

func (s *site) answers(want string) {
	s.t.Helper()
	resp, err := http.Get(s.url())
	if err != nil {
		s.t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if got := strings.TrimSpace(string(body)); err != nil || got != want {
		s.t.Fatalf("answer %q (%v), want %q", got, err, want)
	}
}

// load sends requests until the returned function is called, which says how many were sent and how many failed.
func (s *site) load() func() (done, failed int64) {
	var sent, bad atomic.Int64
	stop, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		for {
			select {
			case <-stop:
				return
			default:
			}
			resp, err := http.Get(s.url())
			sent.Add(1)
			if err != nil {
				bad.Add(1)
				continue
			}
			if _, err := io.Copy(io.Discard, resp.Body); err != nil || resp.StatusCode != http.StatusOK {
				bad.Add(1)
			}
			resp.Body.Close()
		}
	}()
	return func() (int64, int64) {
		close(stop)
		<-stopped
		return sent.Load(), bad.Load()
	}
}

func (s *site) killEngine() {
	s.t.Helper()
	var info struct{ PID int }
	if err := json.Unmarshal([]byte(s.run(0, "engine", "status", "--json")), &info); err != nil || info.PID == 0 {
		s.t.Fatalf("engine status: %v", err)
	}
	if err := syscall.Kill(info.PID, syscall.SIGKILL); err != nil {
		s.t.Fatal(err)
	}
	s.ended(info.PID)
}

func (s *site) edit(old, new string) {
	s.t.Helper()
	path := filepath.Join(s.dir, "Dockerfile")
	content, err := os.ReadFile(path)
	if err != nil {
		s.t.Fatal(err)
	}
	if !strings.Contains(string(content), old) {
		s.t.Fatalf("%q is not in the Dockerfile", old)
	}
	s.write(path, strings.ReplaceAll(string(content), old, new))
}

func (s *site) write(path, content string) {
	s.t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		s.t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
		s.t.Fatal(err)
	}
}

func freePort(t *testing.T) int {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port
}
