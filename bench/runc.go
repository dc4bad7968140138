package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"

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

// byHand lays out a bundle for the application below a folder of this name.
func (l *lab) byHand(name string, a *app) (*byHand, error) {
	if err := need("runc", "go"); err != nil {
		return nil, err
	}
	bundle, err := l.folder(name + "/bundle")
	if err != nil {
		return nil, err
	}
	h := &byHand{lab: l, app: a, bundle: bundle, root: filepath.Join(l.dir, name, "state")}
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
	spec, err := h.plainSpec()
	if err != nil {
		return err
	}
	return h.write(spec)
}

// confineAs takes over what a replica of Seaworthy's may do and use, from its own specification: seccomp, capabilities,
// limits, masked paths. Network and files of its own stay out.
func (h *byHand) confineAs(replica string) error {
	b, err := os.ReadFile(replica)
	if err != nil {
		return err
	}
	var theirs specs.Spec
	if err := json.Unmarshal(b, &theirs); err != nil {
		return err
	}
	spec, err := h.plainSpec()
	if err != nil {
		return err
	}
	spec.Process.Capabilities, spec.Process.NoNewPrivileges = theirs.Process.Capabilities, theirs.Process.NoNewPrivileges
	spec.Linux.Seccomp, spec.Linux.Resources = theirs.Linux.Seccomp, theirs.Linux.Resources
	spec.Linux.MaskedPaths, spec.Linux.ReadonlyPaths = theirs.Linux.MaskedPaths, theirs.Linux.ReadonlyPaths
	return h.write(spec)
}

func (h *byHand) write(spec *specs.Spec) error {
	b, err := json.Marshal(spec)
	if err != nil {
		return err
	}
	return os.WriteFile(h.config(), b, 0o644)
}

func (h *byHand) config() string { return filepath.Join(h.bundle, "config.json") }

func (h *byHand) plainSpec() (*specs.Spec, error) {
	cmd := exec.Command("runc", "spec")
	cmd.Dir = h.bundle
	os.Remove(h.config()) // runc writes over nothing
	if _, err := output(cmd); err != nil {
		return nil, err
	}
	b, err := os.ReadFile(h.config())
	if err != nil {
		return nil, err
	}
	var spec specs.Spec
	if err := json.Unmarshal(b, &spec); err != nil {
		return nil, err
	}
	spec.Process.Terminal = false
	spec.Process.Args = []string{"/hrefcounter", "-listen", fmt.Sprintf("127.0.0.1:%d", h.app.port)}
	spec.Process.User = specs.User{UID: 65532, GID: 65532}
	spec.Root.Readonly = false
	spec.Linux.Namespaces = slices.DeleteFunc(spec.Linux.Namespaces, func(n specs.LinuxNamespace) bool {
		return n.Type == specs.NetworkNamespace
	})
	return &spec, nil
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
	id := fmt.Sprintf("%s-%s-%d", filepath.Base(h.lab.dir), filepath.Base(filepath.Dir(h.bundle)), h.runs)
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

// startAndStop is how long it takes from runc run to the first answer, in milliseconds.
func (h *byHand) startAndStop(ctx context.Context, want string) (float64, error) {
	var stop func() error
	took, err := timed(func() (err error) { stop, err = h.start(ctx, want); return err })
	if stop != nil {
		err = errors.Join(err, stop())
	}
	return took, err
}
