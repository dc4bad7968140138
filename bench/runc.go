package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"

	"github.com/opencontainers/runtime-spec/specs-go"
)

// byHand is the least that a new version can cost: go build on the host, and runc run in the host's own network.
type byHand struct {
	lab    *lab
	app    *app
	bundle string
	root   string
	runs   int
}

func (l *lab) byHand(a *app) (*byHand, error) {
	if err := need("runc", "go"); err != nil {
		return nil, err
	}
	bundle, err := l.folder("r/bundle")
	if err != nil {
		return nil, err
	}
	h := &byHand{lab: l, app: a, bundle: bundle, root: filepath.Join(l.dir, "r", "state")}
	for _, dir := range []string{"rootfs/data", "rootfs/etc/ssl/certs"} {
		if err := os.MkdirAll(filepath.Join(bundle, dir), 0o755); err != nil {
			return nil, err
		}
	}
	if err := os.Chown(filepath.Join(bundle, "rootfs/data"), 65532, 65532); err != nil {
		return nil, err
	}
	return h, h.specify()
}

// specify writes what runc spec writes, for the application.
func (h *byHand) specify() error {
	cmd := exec.Command("runc", "spec")
	cmd.Dir = h.bundle
	path := filepath.Join(h.bundle, "config.json")
	os.Remove(path)
	if _, err := output(cmd); err != nil {
		return err
	}
	b, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	var spec specs.Spec
	if err := json.Unmarshal(b, &spec); err != nil {
		return err
	}
	spec.Process.Terminal = false
	spec.Process.Args = []string{"/hrefcounter", "-listen", fmt.Sprintf("127.0.0.1:%d", h.app.port)}
	spec.Process.User = specs.User{UID: 65532, GID: 65532}
	spec.Root.Readonly = false
	var namespaces []specs.LinuxNamespace
	for _, n := range spec.Linux.Namespaces {
		if n.Type != specs.NetworkNamespace {
			namespaces = append(namespaces, n)
		}
	}
	spec.Linux.Namespaces = namespaces
	if b, err = json.Marshal(spec); err != nil {
		return err
	}
	return os.WriteFile(path, b, 0o644)
}

// build does on the host what the Dockerfile does.
func (h *byHand) build(ctx context.Context) error {
	cmd := exec.CommandContext(ctx, "go", "build", "-trimpath", "-ldflags=-s -w", "-o", filepath.Join(h.bundle, "rootfs", "hrefcounter"), ".")
	cmd.Dir = h.app.dir
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	_, err := output(cmd)
	return err
}

// start runs the application until it has answered; stop ends it.
func (h *byHand) start(ctx context.Context, want string) (stop func() error, err error) {
	h.runs++
	id := fmt.Sprintf("%s-%d", filepath.Base(h.lab.dir), h.runs)
	d, err := startDaemon(filepath.Dir(h.bundle), "runc", "runc", "--root", h.root, "run", "--bundle", h.bundle, id)
	if err != nil {
		return nil, err
	}
	stop = func() error {
		_, err := output(exec.Command("runc", "--root", h.root, "kill", id, "KILL"))
		<-d.ended // by 137: it was killed
		return err
	}
	return stop, d.ready(ctx, func() error {
		got, err := ask(ctx, h.app.url("version"))
		if err == nil && got != want {
			err = fmt.Errorf("it answers %q, not %q", got, want)
		}
		return err
	})
}
