package runtime

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/containerd/containerd/v2/contrib/apparmor"
	"github.com/containerd/containerd/v2/contrib/seccomp"
	"github.com/containerd/containerd/v2/core/containers"
	hostapparmor "github.com/containerd/containerd/v2/pkg/apparmor"
	linuxcap "github.com/containerd/containerd/v2/pkg/cap"
	"github.com/containerd/containerd/v2/pkg/oci"
	"github.com/opencontainers/runtime-spec/specs-go"

	"github.com/seaworthyhq/seaworthy/internal/host/cgroup"
	"github.com/seaworthyhq/seaworthy/internal/release"
)

// apparmorProfile is loaded once a machine, where it has AppArmor.
const apparmorProfile = "seaworthy-default"

// confine takes away what a replica does not need: the defaults are Docker's, without the way to new privileges.
func (b *specBuilder) confine(ctx context.Context, s *specs.Spec) error {
	privileges := b.spec.Service.Privileges
	caps, err := capabilities(s.Process.Capabilities.Bounding, privileges)
	if err != nil {
		return err
	}
	s.Process.Capabilities = &specs.LinuxCapabilities{Bounding: caps, Permitted: caps, Effective: caps}
	s.Process.NoNewPrivileges = true
	s.Linux.ReadonlyPaths = append(s.Linux.ReadonlyPaths, cgroup.Root) // crun makes it a file system that everybody can write to
	opts := map[string]oci.SpecOpts{"seccomp": withDefaultSeccomp}
	if hostapparmor.HostSupports() {
		opts["apparmor"] = apparmor.WithDefaultProfile(apparmorProfile)
	}
	for _, opt := range privileges.SecurityOpt {
		if err := applySecurityOpt(s, opts, opt); err != nil {
			return &release.UserError{
				Kind: release.KindProject, Err: fmt.Errorf("security_opt %q of service %s: %w", opt, b.spec.Service.Name, err),
				Hint: "no-new-privileges, seccomp=…, apparmor=… and systempaths=unconfined are known",
			}
		}
	}
	for _, opt := range opts {
		if err := opt(ctx, nil, nil, s); err != nil {
			return err
		}
	}
	return nil
}

// withDefaultSeccomp is containerd's default profile without the x32 ABI, which distributions switch off in their kernels. To
// refuse all of it takes a filter no longer; to allow what is harmless of it, libseccomp takes 12 of the 40 ms that runc needs
// to start a process, at each start and each health test.
func withDefaultSeccomp(ctx context.Context, client oci.Client, c *containers.Container, s *oci.Spec) error {
	if err := seccomp.WithDefaultProfile()(ctx, client, c, s); err != nil {
		return err
	}
	s.Linux.Seccomp.Architectures = slices.DeleteFunc(s.Linux.Seccomp.Architectures, func(a specs.Arch) bool { return a == specs.ArchX32 })
	return nil
}

func applySecurityOpt(s *specs.Spec, opts map[string]oci.SpecOpts, opt string) error {
	key, value, _ := strings.Cut(strings.Replace(opt, ":", "=", 1), "=")
	switch {
	case key == "no-new-privileges":
		s.Process.NoNewPrivileges = value != "false"
	case key == "label": // SELinux, which is not used
	case key == "systempaths" && value == "unconfined":
		s.Linux.MaskedPaths, s.Linux.ReadonlyPaths = nil, nil
	case (key == "seccomp" || key == "apparmor") && value == "unconfined":
		delete(opts, key)
	case key == "seccomp" && value != "":
		opts[key] = seccomp.WithProfile(value)
	case key == "apparmor" && value != "":
		opts[key] = apparmor.WithProfile(value)
	default:
		return fmt.Errorf("it is not known")
	}
	return nil
}

const allCapabilities = "ALL"

// capabilities are the defaults without those dropped and with those added; what is named wins over ALL.
func capabilities(defaults []string, p release.Privileges) ([]string, error) {
	add, drop := capNames(p.CapAdd), capNames(p.CapDrop)
	known := linuxcap.Known()
	for _, name := range slices.Concat(add, drop) {
		if name != allCapabilities && !slices.Contains(known, name) {
			return nil, &release.UserError{
				Kind: release.KindProject, Err: fmt.Errorf("capability %s is not known", name), Hint: "man 7 capabilities lists them",
			}
		}
	}
	caps := slices.Clone(defaults)
	if slices.Contains(add, allCapabilities) {
		var err error
		if caps, err = linuxcap.Current(); err != nil {
			return nil, err
		}
	}
	if slices.Contains(drop, allCapabilities) {
		caps = nil
	}
	caps = slices.DeleteFunc(caps, func(c string) bool { return slices.Contains(drop, c) })
	for _, name := range add {
		if name != allCapabilities && !slices.Contains(caps, name) {
			caps = append(caps, name)
		}
	}
	return caps, nil
}

// capNames are the kernel's: Compose lets people leave out the prefix.
func capNames(names []string) []string {
	var full []string
	for _, n := range names {
		if n = strings.ToUpper(n); n != allCapabilities && !strings.HasPrefix(n, "CAP_") {
			n = "CAP_" + n
		}
		full = append(full, n)
	}
	return full
}
