// Package e2e tests the real binary on a real engine: real builds, real replicas, real traffic.
package e2e

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// binary is Seaworthy, built once for all tests; bases is the layout with the base images.
var binary, bases string

func TestMain(m *testing.M) { os.Exit(prepareAndRun(m)) }

func prepareAndRun(m *testing.M) int {
	fail := func(err error) int { fmt.Fprintln(os.Stderr, err); return 1 }
	if os.Geteuid() != 0 {
		return fail(errors.New("the end-to-end tests run an engine and need root"))
	}
	var err error
	if bases, err = filepath.Abs("../.cache/bases"); err != nil {
		return fail(err)
	}
	if _, err := os.Stat(filepath.Join(bases, "index.json")); err != nil {
		return fail(fmt.Errorf("base images are missing; make bases makes them: %w", err))
	}
	dir, err := os.MkdirTemp("", "sw-bin")
	if err != nil {
		return fail(err)
	}
	defer os.RemoveAll(dir)
	binary = filepath.Join(dir, "seaworthy")
	if err := buildBinary(binary, "e2e"); err != nil {
		return fail(err)
	}
	return m.Run()
}

// buildBinary builds Seaworthy with a version of its own.
func buildBinary(path, version string, flags ...string) error {
	args := append([]string{"build", "-ldflags", "-X main.version=" + version, "-o", path}, flags...)
	cmd := exec.Command("go", append(args, "..")...)
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0") // parts of it run inside of replicas
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("build Seaworthy: %w\n%s", err, out)
	}
	return nil
}

// site is a project with a state root, and so an engine, of its own.
type site struct {
	t    *testing.T
	bin  string
	tmp  string
	root string
	dir  string   // of the project
	env  []string // of the commands, besides the test's own
	port int      // free when the site was made; {{port}} in the files stands for it
}

// newSite makes a project of these files and tears down, when the test ends, all that its engine made.
func newSite(t *testing.T, files map[string]string) *site {
	t.Helper()
	tmp, err := os.MkdirTemp("", "sw") //nolint:usetesting // short: sockets are in it
	if err != nil {
		t.Fatal(err)
	}
	s := &site{t: t, bin: binary, tmp: tmp, root: filepath.Join(tmp, "root"), dir: filepath.Join(tmp, "shop"), port: freePort(t)}
	t.Cleanup(s.clean)
	settings := filepath.Join(tmp, "engine.yaml")
	s.write(settings, fmt.Sprintf("mirrors:\n  docker.io: [%q]\n", bases))
	s.env = []string{"SEAWORTHY_CONFIG=" + settings}
	if err := os.MkdirAll(s.dir, 0o755); err != nil {
		t.Fatal(err)
	}
	for name, content := range files {
		s.write(name, content)
	}
	return s
}

// write writes a file of the project, or any other by its absolute path.
func (s *site) write(name, content string) {
	s.t.Helper()
	path := s.path(name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		s.t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(strings.ReplaceAll(content, "{{port}}", strconv.Itoa(s.port))), 0o644); err != nil {
		s.t.Fatal(err)
	}
}

// edit replaces text in a file of the project.
func (s *site) edit(name, before, after string) {
	s.t.Helper()
	content, err := os.ReadFile(s.path(name))
	if err != nil {
		s.t.Fatal(err)
	}
	if !strings.Contains(string(content), before) {
		s.t.Fatalf("%q is not in %s", before, name)
	}
	s.write(name, strings.ReplaceAll(string(content), before, after))
}

func (s *site) path(name string) string {
	if filepath.IsAbs(name) {
		return name
	}
	return filepath.Join(s.dir, name)
}

// command is a call of Seaworthy in the project, not started yet.
func (s *site) command(args ...string) *exec.Cmd {
	cmd := exec.Command(s.bin, append([]string{"-C", s.dir}, args...)...)
	cmd.Env = append(os.Environ(), append([]string{"SEAWORTHY_ROOT=" + s.root}, s.env...)...)
	return cmd
}

// result is how a call ended.
type result struct {
	code     int
	out, err string
}

// try runs a verb, however it ends.
func (s *site) try(args ...string) result {
	s.t.Helper()
	var out, errs bytes.Buffer
	cmd := s.command(args...)
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Run(); err != nil && cmd.ProcessState == nil {
		s.t.Fatalf("seaworthy %v: %v", args, err)
	}
	return result{cmd.ProcessState.ExitCode(), out.String(), errs.String()}
}

// run runs a verb that has to end with this exit code, and returns what it printed.
func (s *site) run(code int, args ...string) string {
	s.t.Helper()
	r := s.try(args...)
	if r.code != code {
		s.t.Fatalf("seaworthy %v: exit code %d, want %d\n%s%s", args, r.code, code, r.out, r.err)
	}
	return r.out
}

// up runs the main job, which has to end with this exit code.
func (s *site) up(code int) { s.t.Helper(); s.run(code, "up") }

// refused runs a verb that has to fail with this exit code and to say all of these words.
func (s *site) refused(code int, args []string, words ...string) {
	s.t.Helper()
	r := s.try(args...)
	if r.code != code {
		s.t.Fatalf("seaworthy %v: exit code %d, want %d\n%s%s", args, r.code, code, r.out, r.err)
	}
	for _, w := range words {
		if !strings.Contains(r.out+r.err, w) {
			s.t.Errorf("seaworthy %v does not say %q:\n%s%s", args, w, r.out, r.err)
		}
	}
}

// readJSON runs a verb with --json and reads its result.
func (s *site) readJSON(into any, args ...string) {
	s.t.Helper()
	out := s.run(0, append(args, "--json")...)
	if err := json.Unmarshal([]byte(out), into); err != nil {
		s.t.Fatalf("seaworthy %v: %v\n%s", args, err, out)
	}
}

func (s *site) url() string { return fmt.Sprintf("http://127.0.0.1:%d/", s.port) }

// get is the body of an answer that has to be 200.
func (s *site) get(path string) string {
	s.t.Helper()
	resp, err := http.Get(s.url() + path)
	if err != nil {
		s.t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != http.StatusOK {
		s.t.Fatalf("GET %s: %s %v\n%s", path, resp.Status, err, body)
	}
	return strings.TrimSpace(string(body))
}

// load sends one request for path after the other until the returned function is called, which says how many were sent and what
// went wrong.
func (s *site) load(path string) func() (sent int64, failures []string) {
	var n atomic.Int64
	var failures []string // of the goroutine, until it is done
	stop, stopped := make(chan struct{}), make(chan struct{})
	client := &http.Client{Transport: &http.Transport{}}
	once := func() error {
		resp, err := client.Get(s.url() + path)
		if err != nil {
			return err
		}
		defer resp.Body.Close()
		if _, err := io.Copy(io.Discard, resp.Body); err != nil {
			return err
		}
		if resp.StatusCode != http.StatusOK {
			return errors.New(resp.Status)
		}
		return nil
	}
	go func() {
		defer close(stopped)
		defer client.CloseIdleConnections()
		for {
			select {
			case <-stop:
				return
			default:
			}
			n.Add(1)
			if err := once(); err != nil {
				failures = append(failures, err.Error())
			}
		}
	}()
	return func() (int64, []string) {
		close(stop)
		<-stopped
		return n.Load(), failures
	}
}

// noneFailed ends a load that was sent and answered whole.
func (s *site) noneFailed(end func() (int64, []string)) {
	s.t.Helper()
	sent, failures := end()
	if sent == 0 || len(failures) > 0 {
		s.t.Errorf("%d of %d requests failed: %v", len(failures), sent, failures[:min(5, len(failures))])
	}
}

// engineInfo is what engine status says; zero where none runs.
type engineInfo struct {
	PID, Edge, Replicas int
	Version             string
}

func (s *site) engine() (info engineInfo) {
	out, err := s.command("engine", "status", "--json").Output()
	if err == nil {
		err = json.Unmarshal(out, &info)
	}
	if err != nil {
		return engineInfo{}
	}
	return info
}

func (s *site) killEngine() {
	s.t.Helper()
	info := s.engine()
	if info.PID == 0 {
		s.t.Fatal("no engine to kill")
	}
	s.kill(info.PID)
}

// kill ends a process with -9 and returns when it is gone.
func (s *site) kill(pid int) {
	s.t.Helper()
	if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
		s.t.Fatalf("kill %d: %v", pid, err)
	}
	s.ended(pid)
}

func (s *site) ended(pid int) {
	s.t.Helper()
	s.eventually(fmt.Sprintf("process %d ends", pid), func() bool {
		stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
		threads, _ := os.ReadDir(fmt.Sprintf("/proc/%d/task", pid)) // files are open until the last one is gone
		return err != nil || strings.Contains(string(stat), ") Z ") && len(threads) <= 1
	})
}

// eventually waits until what is said holds.
func (s *site) eventually(what string, holds func() bool) {
	s.t.Helper()
	for deadline := time.Now().Add(time.Minute); !holds(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			s.t.Fatalf("not within a minute: %s", what)
		}
	}
}

// clean takes down what the engine made, also when a test failed half-way, and fails the test for what it left behind.
func (s *site) clean() {
	if _, err := os.Stat(filepath.Join(s.root, "state.db")); err == nil {
		s.takeDown()
	}
	for pid, line := range s.processes() {
		s.t.Errorf("process %d is left: %s", pid, line)
		_ = syscall.Kill(pid, syscall.SIGKILL)
	}
	for _, m := range slices.Backward(s.mounts()) {
		s.t.Errorf("mount is left: %s", m)
		_ = syscall.Unmount(m, syscall.MNT_DETACH)
	}
	if err := os.RemoveAll(s.tmp); err != nil {
		s.t.Errorf("clean up: %v", err)
	}
}

func (s *site) takeDown() {
	var all []struct {
		Environment struct{ Project, Name string }
	}
	known := s.try("status", "--all", "--json")
	if err := json.Unmarshal([]byte(known.out), &all); err != nil {
		s.t.Errorf("status: %v\n%s%s", err, known.out, known.err)
	}
	for _, e := range all {
		if r := s.try("down", "-e", e.Environment.Project+"/"+e.Environment.Name, "--volumes", "--yes"); r.code != 0 {
			s.t.Errorf("down: exit code %d\n%s%s", r.code, r.out, r.err)
		}
	}
	info := s.engine()
	_ = s.try("engine", "stop")
	if info.Edge > 0 {
		_ = syscall.Kill(info.Edge, syscall.SIGTERM)
	}
	for _, pid := range []int{info.PID, info.Edge} {
		if pid > 0 {
			s.ended(pid)
		}
	}
	if s.t.Failed() {
		if log, err := os.ReadFile(filepath.Join(s.root, "engine.log")); err == nil {
			s.t.Logf("engine.log:\n%s", log)
		}
	}
}

// processes are those that have the site's folder in their command line, calls of its own among them.
func (s *site) processes() map[int]string {
	found := map[int]string{}
	all, _ := filepath.Glob("/proc/[0-9]*/cmdline")
	for _, path := range all {
		line, err := os.ReadFile(path)
		if err != nil || !bytes.Contains(line, []byte(s.tmp)) {
			continue
		}
		if pid, err := strconv.Atoi(filepath.Base(filepath.Dir(path))); err == nil {
			found[pid] = string(bytes.ReplaceAll(line, []byte{0}, []byte{' '}))
		}
	}
	return found
}

// mounts are those below the site's folder, the outermost first.
func (s *site) mounts() []string {
	var found []string
	table, _ := os.ReadFile("/proc/self/mounts")
	for line := range strings.Lines(string(table)) {
		if f := strings.Fields(line); len(f) > 1 && strings.HasPrefix(f[1], s.tmp+"/") {
			found = append(found, f[1])
		}
	}
	return found
}

// freePort is a port that nobody listened on a moment ago, of those that the kernel gives to nobody by itself.
func freePort(t *testing.T) int {
	t.Helper()
	for range 100 {
		port := int(20000 + nextPort.Add(1)%10000)
		l, err := net.Listen("tcp", fmt.Sprintf(":%d", port))
		if err == nil {
			l.Close()
			return port
		}
	}
	t.Fatal("no port is free")
	return 0
}

// nextPort differs between runs, so that two at the same time do not choose the same ports.
var nextPort = func() *atomic.Int64 {
	var n atomic.Int64
	n.Store(int64(os.Getpid()) * 37)
	return &n
}()
