package runtime_test

import (
	"bytes"
	"context"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/seaworthyhq/seaworthy/internal/release"
	"github.com/seaworthyhq/seaworthy/internal/runtime"
	"github.com/seaworthyhq/seaworthy/internal/runtime/aide"
	"github.com/seaworthyhq/seaworthy/internal/runtime/shim"
	"github.com/seaworthyhq/seaworthy/internal/store"
	"github.com/seaworthyhq/seaworthy/internal/store/storetest"
)

// program stands for the seaworthy that runs.
var program string

func TestMain(m *testing.M) {
	if shim.Invoked() { // see TestCopyOfSeaworthyPlaysAllParts
		shim.Main()
	}
	os.Exit(func() int {
		if os.Geteuid() != 0 {
			return m.Run() // what runs replicas is skipped
		}
		dir, err := os.MkdirTemp("", "seaworthy-shim-")
		if err != nil {
			panic(err)
		}
		defer os.RemoveAll(dir)
		program = filepath.Join(dir, "seaworthy") // the small ones lie beside it
		build := exec.Command("go", "build", "-trimpath", "-ldflags=-s -w", "-o", dir, "./shim/seaworthy-shim", "./aide/seaworthy-aide")
		build.Env = append(os.Environ(), "CGO_ENABLED=0")
		if out, err := build.CombinedOutput(); err != nil {
			panic(fmt.Sprintf("build shim: %v\n%s", err, out))
		}
		return m.Run()
	}())
}

var env = release.Environment{Project: "test", Name: "local"}

// engine is a store and a runtime over one state root, which can be closed and opened again.
type engine struct {
	t      testing.TB
	root   string
	binary string
	oci    string // OCI runtime; empty: the one that is chosen
	store  *store.Store
	*runtime.Runtime
}

func start(t testing.TB) *engine {
	t.Helper()
	return startAs(t, program)
}

func startAs(t testing.TB, binary string) *engine {
	t.Helper()
	return startWith(t, binary, "")
}

// forEachRuntime runs a test with every OCI runtime that replicas can be run with.
func forEachRuntime(t *testing.T, test func(*testing.T, *engine)) {
	needsRoot(t)
	for _, name := range []string{"runc", "crun"} {
		t.Run(name, func(t *testing.T) {
			if name == "crun" {
				needsCrun(t)
			}
			test(t, startWith(t, program, name))
		})
	}
}

// needsCrun skips the test in a chroot, where crun is not used.
func needsCrun(t testing.TB) {
	t.Helper()
	chroot, err := aide.InChroot()
	if err != nil {
		t.Fatal(err)
	}
	if chroot {
		t.Skip("crun is not used in a chroot")
	}
}

func needsRoot(t testing.TB) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("replicas need root")
	}
}

func startWith(t testing.TB, binary, oci string) *engine {
	t.Helper()
	needsRoot(t)
	e := &engine{t: t, root: t.TempDir(), binary: binary, oci: oci}
	e.open()
	t.Cleanup(e.tearDown)
	if _, err := e.EnsureNetwork(t.Context(), env, release.Network{Name: "default"}); err != nil {
		t.Fatal(err)
	}
	return e
}

// ociRuntime is the path of the program that makes the engine's containers, by which it works everywhere.
func (e *engine) ociRuntime() string {
	found, err := filepath.Glob(filepath.Join(e.root, "bin", "*", "seaworthy-"+e.oci))
	if err != nil || len(found) != 1 {
		e.t.Fatalf("found %q, %v", found, err)
	}
	return found[0]
}

func (e *engine) open() {
	e.t.Helper()
	ctx := context.WithoutCancel(e.t.Context())
	s, err := store.Open(ctx, store.Config{Root: e.root})
	if err != nil {
		e.t.Fatal(err)
	}
	r, err := runtime.New(ctx, s, e.config())
	if err != nil {
		_ = s.Close(ctx)
		e.t.Fatal(err)
	}
	e.store, e.Runtime = s, r
}

func (e *engine) config() runtime.Config {
	return runtime.Config{
		Root: e.root, Binary: e.binary, OCIRuntime: e.oci,
		Subnets: netip.MustParsePrefix("10.213.0.0/16"), VIPs: netip.MustParsePrefix("10.214.0.0/16"),
	}
}

// close ends the engine as a stop of its process does: replicas go on.
func (e *engine) close() {
	e.t.Helper()
	if e.store == nil {
		return
	}
	if err := e.Runtime.Close(); err != nil {
		e.t.Error(err)
	}
	if err := e.store.Close(context.WithoutCancel(e.t.Context())); err != nil {
		e.t.Error(err)
	}
	e.store = nil
}

func (e *engine) tearDown() {
	if e.store == nil {
		e.open()
	}
	ctx := context.WithoutCancel(e.t.Context())
	for _, env := range e.Environments() {
		for _, rep := range e.Replicas(env) {
			if err := e.Remove(ctx, rep.ID); err != nil {
				e.t.Errorf("clean up: %v", err)
			}
		}
	}
	for _, n := range e.Networks() {
		if err := e.RemoveNetwork(ctx, n.Environment, n.Name); err != nil {
			e.t.Errorf("clean up: %v", err)
		}
	}
	e.close()
	e.assertNothingLeft()
	_ = os.RemoveAll(runtime.RunDir(e.root))
}

// assertNothingLeft looks for what a leak would leave on the machine.
func (e *engine) assertNothingLeft() {
	mounts, err := os.ReadFile("/proc/self/mounts")
	if err != nil {
		e.t.Fatal(err)
	}
	for line := range strings.Lines(string(mounts)) {
		if strings.Contains(line, e.root) || strings.Contains(line, runtime.RunDir(e.root)) {
			e.t.Errorf("mount is left: %s", strings.TrimSpace(line))
		}
	}
	dirs, _ := filepath.Glob("/proc/[0-9]*")
	for _, dir := range dirs {
		cwd, _ := os.Readlink(filepath.Join(dir, "cwd"))
		line, _ := os.ReadFile(filepath.Join(dir, "cmdline"))
		if strings.HasPrefix(cwd, e.root) || bytes.Contains(line, []byte(e.root)) {
			e.t.Errorf("process is left: %s %q", dir, line)
		}
	}
	left, _ := filepath.Glob(filepath.Join(runtime.RunDir(e.root), "netns", "*"))
	cgroups, _ := filepath.Glob("/sys/fs/cgroup/*" + runtime.CgroupDir(e.root))
	if left = append(left, cgroups...); len(left) > 0 {
		e.t.Errorf("left: %s", left)
	}
}

// image is a busybox with what the test adds.
func (e *engine) image(img storetest.Image) release.Image {
	e.t.Helper()
	return storetest.Busybox(e.t, e.store, img)
}

// service runs command on a plain busybox, in the default network.
func (e *engine) service(command ...string) release.Service {
	e.t.Helper()
	return release.Service{
		Name: "web", Image: e.image(storetest.Image{Config: ocispec.ImageConfig{Cmd: []string{"sleep", "600"}}}),
		Command: command, Networks: []release.Attachment{{Network: "default"}},
	}
}

// run makes and starts a replica.
func (e *engine) run(id string, svc release.Service, change ...func(*runtime.Spec)) release.Replica {
	e.t.Helper()
	spec := runtime.Spec{ID: id, Environment: env, Service: svc, Deployment: 1, Index: 1}
	for _, c := range change {
		c(&spec)
	}
	if err := e.Create(e.t.Context(), spec); err != nil {
		e.t.Fatal(err)
	}
	if err := e.Start(e.t.Context(), id); err != nil {
		e.t.Fatal(err)
	}
	rep, err := e.Replica(id)
	if err != nil {
		e.t.Fatal(err)
	}
	return rep
}

// sh runs a script in the replica and returns what it wrote.
func (e *engine) sh(id, script string) string {
	e.t.Helper()
	var out lockedBuffer
	code, err := e.Exec(e.t.Context(), id, runtime.ExecSpec{
		Args: []string{"sh", "-c", script}, Attachment: runtime.Attachment{Stdout: &out, Stderr: &out},
	})
	if err != nil {
		e.t.Fatalf("exec %q: %v", script, err)
	}
	if code != 0 {
		e.t.Fatalf("exec %q: exit code %d: %s", script, code, out.String())
	}
	return strings.TrimSpace(out.String())
}

// ended waits for the replica to end.
func (e *engine) ended(id string) release.Replica {
	e.t.Helper()
	ctx, cancel := context.WithTimeout(e.t.Context(), 30*time.Second)
	defer cancel()
	rep, err := e.Wait(ctx, id)
	if err != nil {
		e.t.Fatalf("wait for %s: %v", id, err)
	}
	return rep
}

// eventually polls until ok.
func eventually(t testing.TB, what string, ok func() bool) {
	t.Helper()
	deadline := time.Now().Add(20 * time.Second)
	for !ok() {
		if time.Now().After(deadline) {
			t.Fatalf("never: %s", what)
		}
		time.Sleep(10 * time.Millisecond)
	}
}

func (e *engine) lines(id string, opts runtime.LogOptions) []string {
	e.t.Helper()
	var lines []string
	for line, err := range e.Logs(e.t.Context(), id, opts) {
		if err != nil {
			e.t.Fatal(err)
		}
		lines = append(lines, line.Line)
	}
	return lines
}

func spec(id string, svc release.Service) runtime.Spec {
	return runtime.Spec{ID: id, Environment: env, Service: svc, Deployment: 1, Index: 1}
}

// lockedBuffer is written to by both streams.
type lockedBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}
