package runtime

import (
	"context"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	cfs "github.com/containerd/continuity/fs"
	"github.com/opencontainers/runtime-spec/specs-go"

	"github.com/seaworthyhq/seaworthy/internal/release"
)

const defaultShm = 64 << 20 // bytes

// mounts puts together what the replica sees besides its image: outer folders before inner ones.
func (b *specBuilder) mounts(ctx context.Context, s *specs.Spec) error {
	svc := b.spec.Service
	s.Mounts = b.systemMounts(s.Mounts)
	var own []specs.Mount
	for _, m := range svc.Mounts {
		mount, err := b.mount(m)
		if err != nil {
			return fmt.Errorf("mount %s: %w", m.Target, err)
		}
		own = append(own, mount)
	}
	anonymous, err := b.anonymousVolumes(own)
	if err != nil {
		return err
	}
	etc, err := b.etc()
	if err != nil {
		return err
	}
	if err := writeFiles(ctx, b.runtime.store, b.dir, svc.Files); err != nil {
		return err
	}
	if err := writeSecrets(b.dir, svc.Secrets, b.spec.Secrets); err != nil {
		return err
	}
	inner := slices.Concat(own, anonymous, b.fileMounts())
	for _, m := range etc { // who mounts a file of their own there has it
		if !slices.ContainsFunc(inner, func(o specs.Mount) bool { return path.Clean(o.Destination) == m.Destination }) {
			inner = append(inner, m)
		}
	}
	if b.wantsInit() {
		inner = append(inner, bind(b.runtime.programs.init, initPath, "ro"))
	}
	if b.keepsStdinOpen() {
		inner = append(inner, bind(b.runtime.programs.init, stdinPath, "ro")) // the same program, told apart by its name
	}
	slices.SortStableFunc(inner, func(a, b specs.Mount) int { return depth(a.Destination) - depth(b.Destination) })
	s.Mounts = append(s.Mounts, inner...)
	return nil
}

func depth(p string) int { return strings.Count(path.Clean(p), "/") }

func bind(source, target string, options ...string) specs.Mount {
	return specs.Mount{Destination: target, Type: "bind", Source: source, Options: append([]string{"rbind", "rprivate"}, options...)}
}

// systemMounts are containerd's defaults, as Docker has them: the image's /run stays, and the limits can be read.
func (b *specBuilder) systemMounts(defaults []specs.Mount) []specs.Mount {
	shm := b.spec.Service.ShmSize
	if shm == 0 {
		shm = defaultShm
	}
	var mounts []specs.Mount
	for _, m := range defaults {
		switch m.Destination {
		case "/run":
			continue
		case "/dev/shm":
			m.Options = []string{"nosuid", "noexec", "nodev", "mode=1777", "size=" + strconv.FormatInt(shm, 10)}
		}
		mounts = append(mounts, m)
	}
	return append(mounts, specs.Mount{
		Destination: "/sys/fs/cgroup", Type: "cgroup", Source: "cgroup", Options: []string{"nosuid", "noexec", "nodev", "relatime", "ro"},
	})
}

func (b *specBuilder) mount(m release.Mount) (specs.Mount, error) {
	access := "rw"
	if m.ReadOnly {
		access = "ro"
	}
	switch m.Kind {
	case release.MountTmpfs:
		return tmpfs(m, access), nil
	case release.MountBind:
		return b.hostMount(m, access)
	case release.MountVolume:
		return b.volumeMount(m, access)
	default:
		return specs.Mount{}, fmt.Errorf("no mounts of kind %q are known", m.Kind)
	}
}

func tmpfs(m release.Mount, access string) specs.Mount {
	options := []string{"nosuid", "nodev", "noexec", access}
	if m.Size > 0 {
		options = append(options, "size="+strconv.FormatInt(m.Size, 10))
	}
	mode := m.Mode
	if mode == 0 {
		mode = 0o1777
	}
	return specs.Mount{Destination: m.Target, Type: "tmpfs", Source: "tmpfs", Options: append(options, "mode="+fileMode(mode))}
}

func (b *specBuilder) hostMount(m release.Mount, access string) (specs.Mount, error) {
	source, err := inner(m.Source, m.SubPath)
	if err != nil {
		return specs.Mount{}, err
	}
	if _, err := os.Stat(source); err != nil {
		return specs.Mount{}, &release.UserError{
			Kind: release.KindProject, Err: fmt.Errorf("bind of service %s: %w", b.spec.Service.Name, err),
			Hint: "make it on the machine that runs the environment, or use a volume",
		}
	}
	propagation := firstOf(m.Propagation, "rprivate")
	return specs.Mount{
		Destination: m.Target, Type: "bind", Source: source, Options: []string{"rbind", propagation, access},
	}, nil
}

func (b *specBuilder) volumeMount(m release.Mount, access string) (specs.Mount, error) {
	vol, err := b.runtime.Volume(b.spec.Environment, m.Source)
	if err != nil {
		return specs.Mount{}, err
	}
	if !m.NoCopy && m.SubPath == "" {
		if err := b.runtime.volumes.fillOnce(filepath.Dir(vol.Path), b.rootfs, m.Target); err != nil {
			return specs.Mount{}, fmt.Errorf("fill volume %s: %w", m.Source, err)
		}
	}
	source, err := inner(vol.Path, m.SubPath)
	if err != nil {
		return specs.Mount{}, err
	}
	return bind(source, m.Target, access), nil
}

// inner is a path below dir, wherever links lead within it. It has to be there, as with Docker.
func inner(dir, sub string) (string, error) {
	if sub == "" {
		return dir, nil
	}
	p, err := cfs.RootPath(dir, sub)
	if err != nil {
		return "", err
	}
	if _, err := os.Stat(p); err != nil {
		return "", &release.UserError{
			Kind: release.KindProject, Err: fmt.Errorf("subpath %s: %w", sub, err), Hint: "make the folder in the volume first",
		}
	}
	return p, nil
}

// anonymousVolumes stand where the image wants a volume and nobody named one. They go with the replica.
func (b *specBuilder) anonymousVolumes(own []specs.Mount) ([]specs.Mount, error) {
	var mounts []specs.Mount
	targets := slices.Sorted(func(yield func(string) bool) {
		for target := range b.image.Volumes {
			if !yield(path.Clean(target)) {
				return
			}
		}
	})
	for i, target := range targets {
		if slices.ContainsFunc(own, func(m specs.Mount) bool { return path.Clean(m.Destination) == target }) {
			continue
		}
		dir, err := makeAnonymous(b.dir, i)
		if err != nil {
			return nil, err
		}
		if err := b.runtime.volumes.fillOnce(dir, b.rootfs, target); err != nil {
			return nil, fmt.Errorf("fill volume at %s: %w", target, err)
		}
		mounts = append(mounts, bind(filepath.Join(dir, volumeData), target, "rw"))
	}
	return mounts, nil
}

// fileMounts are the release's files and the secrets, each on its own.
func (b *specBuilder) fileMounts() []specs.Mount {
	var mounts []specs.Mount
	for i, f := range b.spec.Service.Files {
		mounts = append(mounts, bind(filepath.Join(b.dir, filesDir, strconv.Itoa(i)), f.Target, "ro"))
	}
	for i, s := range b.spec.Service.Secrets {
		mounts = append(mounts, bind(filepath.Join(b.dir, secretsDir, strconv.Itoa(i)), s.Target, "ro", "nosuid", "nodev", "noexec"))
	}
	return mounts
}
