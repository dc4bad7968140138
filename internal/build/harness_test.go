package build_test

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/containerd/containerd/v2/core/mount"
	"github.com/moby/buildkit/frontend/dockerfile/instructions"
	"github.com/moby/buildkit/frontend/dockerfile/parser"
	"golang.org/x/sys/unix"

	"github.com/seaworthyhq/seaworthy/internal/build"
	"github.com/seaworthyhq/seaworthy/internal/build/session"
	"github.com/seaworthyhq/seaworthy/internal/event"
	"github.com/seaworthyhq/seaworthy/internal/store"
	"github.com/seaworthyhq/seaworthy/internal/store/storetest"
)

// TestMain has temporary files lie where they go with the tests, as the engine has them: BuildKit leaves some of builds that end
// with their process.
func TestMain(m *testing.M) {
	os.Exit(func() int {
		dir, err := os.MkdirTemp("", "sw-build-")
		if err != nil {
			panic(err)
		}
		defer os.RemoveAll(dir)
		if err := os.Setenv("TMPDIR", dir); err != nil {
			panic(err)
		}
		return m.Run()
	}())
}

// yard is a place to build in: a store that has busybox, and a builder on it.
type yard struct {
	*build.Builder
	store *store.Store
	root  string
}

func newYard(t testing.TB) *yard {
	t.Helper()
	s := storetest.Open(t)
	storetest.Busybox(t, s, storetest.Image{Ref: "docker.io/library/busybox:latest"})
	y := &yard{store: s, root: t.TempDir()}
	y.Builder = openBuilder(t, build.Config{Root: y.root, Store: s})
	return y
}

func openBuilder(t testing.TB, cfg build.Config) *build.Builder {
	t.Helper()
	b, err := build.Open(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := b.Close(); err != nil {
			t.Errorf("close builder: %v", err)
		}
	})
	return b
}

// project is a folder with files in it.
func project(t testing.TB, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, content := range files {
		write(t, filepath.Join(dir, name), content)
	}
	return dir
}

func write(t testing.TB, path, content string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
		t.Fatal(err)
	}
}

// serve connects a session of the sources to the builder until the test ends.
func (y *yard) serve(t testing.TB, src session.Sources) *session.Session {
	t.Helper()
	src.DockerConfig = t.TempDir()
	s, err := session.Serve(t.Context(), dialer(y.Builder), src)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

func dialer(b *build.Builder) session.Dialer {
	return func(ctx context.Context, _ string, meta map[string][]string) (net.Conn, error) {
		fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
		if err != nil {
			return nil, err
		}
		mine, err := connection(fds[0])
		if err != nil {
			return nil, err
		}
		theirs, err := connection(fds[1])
		if err != nil {
			return nil, err
		}
		go b.HandleSession(context.WithoutCancel(ctx), theirs, meta)
		return mine, nil
	}
}

func connection(fd int) (net.Conn, error) {
	f := os.NewFile(uintptr(fd), "session")
	defer f.Close()
	return net.FileConn(f)
}

// request is a build of the Dockerfile in dir. Targets are stages by name: "=web" is an image, "test" a check.
func (y *yard) request(t testing.TB, dir string, targets ...string) build.Request {
	t.Helper()
	return y.requestWith(t, dir, session.Sources{}, targets...)
}

func (y *yard) requestWith(t testing.TB, dir string, src session.Sources, targets ...string) build.Request {
	t.Helper()
	if src.Dirs == nil {
		src.Dirs = map[string]string{}
	}
	src.Dirs[session.ContextDir] = dir
	dockerfile, err := os.ReadFile(filepath.Join(dir, "Dockerfile"))
	if err != nil {
		t.Fatal(err)
	}
	ignore, err := session.Ignore(dir, filepath.Join(dir, "Dockerfile"))
	if err != nil {
		t.Fatal(err)
	}
	return build.Request{
		Session:    y.serve(t, src).ID(),
		Dockerfile: dockerfile,
		Ignore:     ignore,
		Stages:     stages(dockerfile),
		Targets:    parseTargets(targets),
	}
}

func parseTargets(targets []string) []build.Target {
	var all []build.Target
	for _, stage := range targets {
		name, image := strings.CutPrefix(stage, "=")
		all = append(all, build.Target{Key: "stage:" + name, Stage: name, Image: image, Name: "seaworthy.local/test/" + name + ":latest"})
	}
	return all
}

// stages finds the stages of a Dockerfile, or none where it cannot be parsed.
func stages(dockerfile []byte) []build.Stage {
	parsed, err := parser.Parse(bytes.NewReader(dockerfile))
	if err != nil {
		return nil
	}
	found, _, err := instructions.Parse(parsed.AST, nil)
	if err != nil {
		return nil
	}
	var all []build.Stage
	for i, s := range found {
		name := s.Name
		if name == "" {
			name = fmt.Sprint(i)
		}
		if i > 0 {
			all[i-1].EndLine = s.Location[0].Start.Line - 1
		}
		all = append(all, build.Stage{Key: "stage:" + name, Name: s.Name, Index: i, Line: s.Location[0].Start.Line, EndLine: 1 << 20})
	}
	return all
}

// recorder keeps the events of a build.
type recorder struct {
	mu     sync.Mutex
	events []event.Event
}

func (r *recorder) Emit(e event.Event) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.events = append(r.events, e)
}

func (r *recorder) all() []event.Event {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.events)
}

// steps is the last state of each step.
func (r *recorder) steps() map[string]event.State {
	last := map[string]event.State{}
	for _, e := range r.all() {
		if e.Step != nil {
			last[e.Step.Key] = e.Step.State
		}
	}
	return last
}

// instructions are the last events of each instruction of a step, by text.
func (r *recorder) instructions(step string) map[string]event.Instruction {
	last := map[string]event.Instruction{}
	for _, e := range r.all() {
		if e.Instruction != nil && slices.Contains(e.Instruction.Steps, step) {
			last[e.Instruction.Text] = *e.Instruction
		}
	}
	return last
}

// log is what a step wrote.
func (r *recorder) log(step string) string {
	var b strings.Builder
	for _, e := range r.all() {
		if e.Log != nil && e.Log.Step == step {
			b.WriteString(e.Log.Line + "\n")
		}
	}
	return b.String()
}

func (r *recorder) messages() []string {
	var all []string
	for _, e := range r.all() {
		if e.Message != nil {
			all = append(all, e.Message.Text)
		}
	}
	return all
}

func (y *yard) build(t testing.TB, req build.Request) (*build.Result, *recorder) {
	t.Helper()
	rec := &recorder{}
	res, err := y.Build(t.Context(), req, rec)
	if err != nil {
		t.Fatalf("build: %v", err)
	}
	return res, rec
}

// eventually waits until a condition holds, and fails the test when it does not within a time that is long enough.
func eventually(t testing.TB, what string, holds func() bool) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); time.Now().Before(deadline); time.Sleep(10 * time.Millisecond) {
		if holds() {
			return
		}
	}
	t.Fatalf("not within 20s: %s", what)
}

// files lays out the file system of an image that was built, as a replica would see it, and hands it to look.
func (y *yard) files(t testing.TB, img build.Image, look func(root string)) {
	t.Helper()
	ctx := y.store.Context(t.Context())
	unpacked, err := y.store.Unpack(ctx, img.Digest)
	if err != nil {
		t.Fatal(err)
	}
	key := "test-view-" + strings.ReplaceAll(t.Name(), "/", "-")
	mounts, err := y.store.Snapshotter().View(ctx, key, unpacked.Chain)
	if err != nil {
		t.Fatal(err)
	}
	defer y.store.Snapshotter().Remove(ctx, key)
	if err := mount.WithReadonlyTempMount(ctx, mounts, func(root string) error { look(root); return nil }); err != nil {
		t.Fatal(err)
	}
}

// read is the content of a file of an image; "" where there is none.
func (y *yard) read(t testing.TB, img build.Image, name string) (content string) {
	t.Helper()
	y.files(t, img, func(root string) {
		b, _ := os.ReadFile(filepath.Join(root, name))
		content = string(b)
	})
	return content
}
