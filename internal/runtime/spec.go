package runtime

import (
	"context"
	"errors"
	"fmt"
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/containerd/cgroups/v3"
	"github.com/containerd/containerd/v2/core/containers"
	"github.com/containerd/containerd/v2/pkg/oci"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"github.com/seaworthyhq/seaworthy/internal/release"
	"github.com/seaworthyhq/seaworthy/internal/runtime/aide"
	"github.com/seaworthyhq/seaworthy/internal/runtime/network"
)

// specBuilder turns a service into what runc runs, and makes the files that it mounts.
type specBuilder struct {
	runtime   *Runtime
	spec      Spec
	image     ocispec.ImageConfig
	endpoints []network.Endpoint
	dir       string // the replica's
	rootfs    string // mounted
}

// Where a service that wants an init, or an open standard input, finds them: in a file system that is not the image's.
const (
	initPath  = "/dev/" + aide.InitName
	stdinPath = "/dev/" + aide.StdinName
)

// specVersion is the oldest version of the runtime specification that has all that a replica uses: crun refuses later ones.
const specVersion = "1.0.2"

func (b *specBuilder) build(ctx context.Context) (*specs.Spec, error) {
	svc := b.spec.Service
	s, err := oci.GenerateSpec(b.runtime.store.Context(ctx), nil, &containers.Container{ID: b.spec.ID}, oci.WithDefaultUnixDevices)
	if err != nil {
		return nil, err
	}
	s.Root = &specs.Root{Path: b.rootfs, Readonly: svc.ReadOnly}
	s.Hostname = b.hostname()
	s.Version = specVersion
	s.Annotations = nil
	s.Linux.CgroupsPath = b.runtime.dir.cgroup(b.spec.Environment, b.spec.ID)
	s.Linux.Sysctl = sysctls(svc.Sysctls)
	b.joinNamespaces(s)
	b.limit(s)
	if err := b.process(s); err != nil {
		return nil, err
	}
	if err := b.mounts(ctx, s); err != nil {
		return nil, err
	}
	if err := b.confine(ctx, s); err != nil { // last: the system calls that are allowed depend on the capabilities
		return nil, err
	}
	return s, nil
}

func (b *specBuilder) joinNamespaces(s *specs.Spec) {
	for i := range s.Linux.Namespaces {
		if s.Linux.Namespaces[i].Type == specs.NetworkNamespace {
			s.Linux.Namespaces[i].Path = b.runtime.networks.Path(b.spec.ID)
		}
	}
	if cgroups.Mode() == cgroups.Unified {
		s.Linux.Namespaces = append(s.Linux.Namespaces, specs.LinuxNamespace{Type: specs.CgroupNamespace})
	}
}

// sysctls are Docker's defaults and the service's own: everyone may listen on any port and send pings in a namespace that
// is the replica's alone.
func sysctls(own map[string]string) map[string]string {
	all := map[string]string{
		"net.ipv4.ip_unprivileged_port_start": "0",
		"net.ipv4.ping_group_range":           "0 2147483647",
	}
	for k, v := range own {
		all[k] = v
	}
	return all
}

// limit sets what the replica may take.
func (b *specBuilder) limit(s *specs.Spec) {
	const period = 100_000 // microseconds, the kernel's default
	res, cfg := b.spec.Service.Resources, b.runtime.cfg
	memory, cpus, pids := res.MemoryBytes, res.CPUs, res.PIDs
	if memory == 0 {
		memory = cfg.DefaultMemory
	}
	if cpus == 0 {
		cpus = cfg.DefaultCPUs
	}
	if pids == 0 {
		pids = cfg.DefaultPIDs
	}
	quota, every := int64(cpus*period), uint64(period)
	r := s.Linux.Resources
	r.Memory = &specs.LinuxMemory{Limit: &memory}
	if res.MemoryReservation > 0 {
		r.Memory.Reservation = &res.MemoryReservation
	}
	r.CPU = &specs.LinuxCPU{Quota: &quota, Period: &every}
	r.Pids = &specs.LinuxPids{Limit: &pids}
}

func (b *specBuilder) process(s *specs.Spec) error {
	svc, p := b.spec.Service, s.Process
	user, err := lookUpUser(b.rootfs, firstOf(svc.User, b.image.User), svc.GroupAdd)
	if err != nil {
		return &release.UserError{
			Kind: release.KindProject, Err: fmt.Errorf("user of service %s: %w", svc.Name, err),
			Hint: "name a user that the image's /etc/passwd has, or give numbers",
		}
	}
	p.User = user.oci()
	p.Terminal, p.ConsoleSize = svc.TTY, b.spec.Size.box()
	p.Cwd = firstOf(svc.WorkingDir, b.image.WorkingDir, "/")
	if !path.IsAbs(p.Cwd) {
		p.Cwd = "/" + p.Cwd
	}
	p.Env = environment(b.image.Env, svc.Environment, b.hostname(), user.home, svc.TTY)
	if p.Args = arguments(b.image, svc); len(p.Args) == 0 {
		return &release.UserError{
			Kind: release.KindProject, Err: fmt.Errorf("service %s has nothing to run: its image has neither ENTRYPOINT nor CMD", svc.Name),
			Hint: "add a command to the service or a CMD to the Dockerfile",
		}
	}
	if b.keepsStdinOpen() {
		p.Args = append([]string{stdinPath}, p.Args...)
	}
	if b.wantsInit() {
		p.Args = append([]string{initPath}, p.Args...)
	}
	p.Rlimits, err = rlimits(svc.Ulimits)
	return err
}

// wantsInit: before a one-off's command stands one even where the service wants none, unless the command does an init's work
// itself and may insist on being process 1. The kernel keeps from process 1 the signals that it does not ask for, Ctrl-C among
// them.
func (b *specBuilder) wantsInit() bool {
	return b.spec.Service.Init || b.spec.OneOff && !isInit(arguments(b.image, b.spec.Service))
}

func isInit(command []string) bool {
	if len(command) == 0 {
		return false
	}
	name := path.Base(command[0])
	return strings.HasSuffix(name, "init") || slices.Contains([]string{"tini", "tini-static", "catatonit", "systemd"}, name)
}

// keepsStdinOpen: a terminal's input is open by itself.
func (b *specBuilder) keepsStdinOpen() bool { return b.spec.Service.StdinOpen && !b.spec.Service.TTY }

// arguments are entrypoint and command. As with Docker, who replaces the entrypoint loses the image's command.
func arguments(image ocispec.ImageConfig, svc release.Service) []string {
	entrypoint, command := image.Entrypoint, image.Cmd
	if svc.Entrypoint != nil {
		entrypoint, command = svc.Entrypoint, nil
	}
	if svc.Command != nil {
		command = svc.Command
	}
	return append(slices.Clone(entrypoint), command...)
}

// environment is the image's, overridden by the service's, sorted behind it.
func environment(image []string, service map[string]string, hostname, home string, tty bool) []string {
	defaults := map[string]string{
		"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOSTNAME": hostname, "HOME": home,
	}
	if tty {
		defaults["TERM"] = "xterm"
	}
	all := make(map[string]string, len(image)+len(service)+len(defaults))
	for k, v := range defaults {
		all[k] = v
	}
	for _, kv := range image {
		k, v, _ := strings.Cut(kv, "=")
		all[k] = v
	}
	for k, v := range service {
		all[k] = v
	}
	env := make([]string, 0, len(all))
	for k, v := range all {
		env = append(env, k+"="+v)
	}
	slices.Sort(env)
	return env
}

// defaultNoFile is what current Docker gives: programs that count on select(2) see few, those that need more ask for it. Where
// the engine itself may open fewer, it may be unable to give more.
func defaultNoFile() (release.Ulimit, error) {
	var own unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &own); err != nil {
		return release.Ulimit{}, fmt.Errorf("read limit of open files: %w", err)
	}
	hard := int64(min(own.Max, 524288))
	return release.Ulimit{Soft: min(1024, hard), Hard: hard}, nil
}

func rlimits(ulimits map[string]release.Ulimit) ([]specs.POSIXRlimit, error) {
	nofile, err := defaultNoFile()
	if err != nil {
		return nil, err
	}
	all := map[string]release.Ulimit{"nofile": nofile}
	for name, u := range ulimits {
		all[name] = u
	}
	limits := make([]specs.POSIXRlimit, 0, len(all))
	for name, u := range all {
		if name == "" {
			return nil, errors.New("an ulimit has no name")
		}
		limits = append(limits, specs.POSIXRlimit{
			Type: "RLIMIT_" + strings.ToUpper(name), Soft: rlimit(u.Soft), Hard: rlimit(u.Hard),
		})
	}
	slices.SortFunc(limits, func(a, b specs.POSIXRlimit) int { return strings.Compare(a.Type, b.Type) })
	return limits, nil
}

// rlimit: a negative limit is none.
func rlimit(v int64) uint64 {
	if v < 0 {
		return ^uint64(0)
	}
	return uint64(v)
}

func fileMode(mode uint32) string { return strconv.FormatUint(uint64(mode), 8) }
