package runtime

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"

	"github.com/seaworthyhq/seaworthy/internal/release"
	"github.com/seaworthyhq/seaworthy/internal/runtime/aide"
	"github.com/seaworthyhq/seaworthy/internal/runtime/shim"
)

// The OCI runtimes that replicas can be run with: programs that make one container and go
// (https://github.com/opencontainers/runtime-spec/blob/main/runtime.md). crun makes a container, and runs a health check in it, in
// half of runc's time, so it is preferred where it is installed.
const (
	runc = "runc"
	crun = "crun"
)

// oldestCrun is the first minor version of crun 1 that replicas have been run with.
const oldestCrun = 8

// ociRuntime is the program that makes containers.
type ociRuntime struct {
	name       string // runc or crun
	path       string
	sealed     *sealedProgram // what is run by that path, where it gains from being run from memory
	passedOver error          // why it is not crun, which is installed
}

// OCIRuntime is the name of what new replicas are run with, runc or crun.
func (r *Runtime) OCIRuntime() string { return r.oci.name }

// PassedOver is why new replicas are not run with crun, where that is installed and nobody has chosen otherwise; nil: they are, or it
// is not.
func (r *Runtime) PassedOver() error { return r.oci.passedOver }

// findTools says what replicas need of the machine, besides crun, and is not there. Instructions of builds run with runc always.
func findTools() error {
	for _, tool := range []struct{ name, debian string }{
		{runc, runc}, {"iptables", "iptables"}, {"iptables-restore", "iptables"},
	} {
		if _, err := exec.LookPath(tool.name); err != nil {
			return missing(tool.name, tool.debian, err)
		}
	}
	return nil
}

// chooseRuntime returns the OCI runtime of that name, or the best that works here where there is no name.
func (r *Runtime) chooseRuntime(ctx context.Context, name string) (ociRuntime, error) {
	chroot, err := aide.InChroot()
	if err != nil {
		return ociRuntime{}, err
	}
	switch name {
	case "":
		oci, notCrun := r.findCrun(ctx, chroot)
		if notCrun == nil {
			return oci, nil
		}
		if oci, err = r.findRunc(chroot); !errors.Is(notCrun, exec.ErrNotFound) {
			oci.passedOver = notCrun
		}
		return oci, err
	case runc:
		return r.findRunc(chroot)
	case crun:
		return r.findCrun(ctx, chroot)
	}
	return ociRuntime{}, &release.UserError{
		Kind: release.KindUsage, Err: fmt.Errorf("runtime %q is not known", name), Hint: "the engine's setting runtime is runc or crun",
	}
}

func (r *Runtime) findRunc(chroot bool) (ociRuntime, error) {
	path, err := exec.LookPath(runc)
	if err != nil {
		return ociRuntime{}, missing(runc, runc, err)
	}
	if chroot {
		path = r.programs.runc
	}
	return ociRuntime{name: runc, path: path}, nil
}

func (r *Runtime) findCrun(ctx context.Context, chroot bool) (ociRuntime, error) {
	path, err := exec.LookPath(crun)
	if err != nil {
		return ociRuntime{}, missing(crun, crun, err)
	}
	if err := r.checkCrun(ctx, path); err != nil {
		return ociRuntime{}, err
	}
	if chroot {
		return ociRuntime{}, &release.UserError{
			Kind: release.KindEngine, Err: errors.New("crun does not bind host paths in a chroot"), Hint: "set runtime: runc",
		}
	}
	sealed := &sealedProgram{path: path}
	if aide.MixedCgroups() {
		path = r.programs.crun
	}
	return ociRuntime{name: crun, path: path, sealed: sealed}, nil
}

func missing(name, debian string, err error) error {
	return &release.UserError{
		Kind: release.KindEngine, Err: fmt.Errorf("find %s: %w", name, err), Hint: "install it: apt-get install " + debian,
	}
}

var crunVersion = regexp.MustCompile(`^crun version (\d+)\.(\d+)`)

// checkCrun says whether this crun is one that replicas can be run with.
func (r *Runtime) checkCrun(ctx context.Context, path string) error {
	out, err := r.command(ctx, path, "--version").Output()
	if err != nil {
		return fmt.Errorf("ask crun for its version: %w", err)
	}
	found := crunVersion.FindSubmatch(out)
	if found == nil {
		return fmt.Errorf("%s does not say its version: %.80q", path, out)
	}
	major, _ := strconv.Atoi(string(found[1])) // digits only
	minor, _ := strconv.Atoi(string(found[2]))
	if cmp.Or(cmp.Compare(major, 1), cmp.Compare(minor, oldestCrun)) < 0 {
		return &release.UserError{
			Kind: release.KindEngine, Err: fmt.Errorf("crun %d.%d is older than 1.%d", major, minor, oldestCrun),
			Hint: "install a newer one, or set runtime: runc",
		}
	}
	return nil
}

// command runs an OCI runtime.
func (r *Runtime) command(ctx context.Context, path string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, path, args...)
	cmd.Env = append(os.Environ(), r.crunScratch())
	return cmd
}

// crunScratch is the variable that tells crun where to have its temporary file, otherwise in /tmp: in the words of runc, which it
// has that from (https://github.com/containers/crun/blob/main/src/libcrun/cloned_binary.c).
func (r *Runtime) crunScratch() string { return "_LIBCONTAINER_STATEDIR=" + r.dir.scratch() }

// runtimeRoot is where an OCI runtime keeps what it knows of its containers.
func (l layout) runtimeRoot(name string) string { return filepath.Join(l.run, name) }

// deleteContainer removes what an OCI runtime, this engine's or a former's, knows of a container, and what runs of it.
func (r *Runtime) deleteContainer(ctx context.Context, id string) error {
	for name, path := range map[string]string{runc: r.programs.runc, crun: r.programs.crun} {
		root := filepath.Join(r.dir.runtimeRoot(name), shim.Namespace)
		if _, err := os.Stat(filepath.Join(root, id)); errors.Is(err, os.ErrNotExist) {
			continue
		}
		if out, err := r.command(ctx, path, "--root", root, "delete", "--force", id).CombinedOutput(); err != nil {
			return fmt.Errorf("delete container %s: %w: %s", id, err, out)
		}
	}
	return nil
}
