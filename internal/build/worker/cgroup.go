package worker

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"math"
	"path"
	"path/filepath"
	"slices"

	"github.com/containerd/cgroups/v3"
	"github.com/containerd/cgroups/v3/cgroup1"
	"github.com/containerd/cgroups/v3/cgroup2"
	specs "github.com/opencontainers/runtime-spec/specs-go"

	"github.com/seaworthyhq/seaworthy/internal/host/cgroup"
	"github.com/seaworthyhq/seaworthy/internal/release"
)

const (
	cpuPeriod = 100_000 // microseconds
	// defaultShares leaves all builds a quarter of the weight that all replicas have where both want the processors.
	defaultShares = 256
)

// DefaultCgroupParent is the control group of the builds of one build root. It lies beside that of all replicas, not within:
// there a build would take what replicas that wait leave of their common weight, which is as much as the edge has.
func DefaultCgroupParent(root string) string {
	if abs, err := filepath.Abs(root); err == nil {
		root = abs
	}
	sum := sha256.Sum256([]byte(root))
	return "seaworthy-build-" + hex.EncodeToString(sum[:4])
}

// Limits is what RUN steps may take, so that what serves is not starved: memory and processors all of them together, so
// that there is some left however many run; processes each, so that one that runs wild spoils nothing for the others.
type Limits struct {
	MemoryBytes int64   // 0: no limit
	CPUs        float64 // cores; 0: no limit
	// CPUShares is the weight against others where processors are short, 1024 being what all replicas have, and each thread of
	// the edge in cgroup v1; 0: 256.
	CPUShares uint64
	PIDs      int64 // processes and threads of one step; 0: no limit
}

// noLimit says why builds cannot be limited, and what to do where the machine has no control groups.
func noLimit(err error) error {
	err = fmt.Errorf("limit builds: %w", err)
	if !errors.Is(err, cgroup1.ErrMountPointNotExist) {
		return err
	}
	return &release.UserError{
		Kind: release.KindEngine, Err: err, Hint: "mount the control groups, which builds and replicas need: mount -t cgroup2 none " + cgroup.Root,
	}
}

// apply sets the limits on the control group that RUN steps are started below.
func (l Limits) apply(parent string) error {
	if cgroups.Mode() == cgroups.Unified {
		_, err := cgroup2.NewManager(cgroup.Root, path.Join("/", parent), l.unified())
		return err
	}
	limited := only(cgroup1.Memory, cgroup1.Cpu)
	group, err := cgroup1.Load(cgroup1.StaticPath(path.Join("/", parent)), limited)
	if err != nil {
		group, err = cgroup1.New(cgroup1.StaticPath(path.Join("/", parent)), &specs.LinuxResources{}, limited)
	}
	if err != nil {
		return err
	}
	return group.Update(l.resources())
}

// unified is the limits in the terms of cgroup v2, where -1 lifts none.
func (l Limits) unified() *cgroup2.Resources {
	res := cgroup2.ToResources(l.resources())
	if l.MemoryBytes <= 0 {
		most := int64(math.MaxInt64)
		res.Memory.Max = &most
	}
	if l.CPUs <= 0 {
		res.CPU.Max = cgroup2.NewCPUMax(nil, nil)
	}
	return res
}

func (l Limits) resources() *specs.LinuxResources {
	shares := l.CPUShares
	if shares == 0 {
		shares = defaultShares
	}
	res := &specs.LinuxResources{CPU: &specs.LinuxCPU{Shares: &shares}, Memory: &specs.LinuxMemory{}}
	unlimited := int64(-1)
	res.Memory.Limit, res.CPU.Quota = &unlimited, &unlimited
	if l.MemoryBytes > 0 {
		res.Memory.Limit = &l.MemoryBytes
	}
	if l.CPUs > 0 {
		period, quota := uint64(cpuPeriod), int64(l.CPUs*cpuPeriod)
		res.CPU.Period, res.CPU.Quota = &period, &quota
	}
	return res
}

// only are the controllers of cgroup v1 that are needed. Taking in the others would make empty groups in each.
func only(names ...cgroup1.Name) cgroup1.InitOpts {
	return cgroup1.WithHierarchy(func() ([]cgroup1.Subsystem, error) {
		all, err := cgroup1.Default()
		if err != nil {
			return nil, fmt.Errorf("read control groups: %w", err)
		}
		return slices.DeleteFunc(all, func(s cgroup1.Subsystem) bool { return !slices.Contains(names, s.Name()) }), nil
	})
}
