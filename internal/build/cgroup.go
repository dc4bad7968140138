package build

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"strings"

	"github.com/containerd/cgroups/v3"
	"github.com/containerd/cgroups/v3/cgroup1"
	"github.com/containerd/cgroups/v3/cgroup2"
	specs "github.com/opencontainers/runtime-spec/specs-go"
)

const (
	cgroupRoot = "/sys/fs/cgroup"
	cpuPeriod  = 100_000 // microseconds
	// defaultShares leaves a build a quarter of the weight that a replica has where both want the processors.
	defaultShares = 256
)

// DefaultCgroupParent is the control group of the builds of one build root.
func DefaultCgroupParent(root string) string {
	if abs, err := filepath.Abs(root); err == nil {
		root = abs
	}
	sum := sha256.Sum256([]byte(root))
	return "seaworthy-build-" + hex.EncodeToString(sum[:4])
}

// Limits is what all RUN steps together may take, so that what serves is not starved.
type Limits struct {
	MemoryBytes int64   // 0: no limit
	CPUs        float64 // cores; 0: no limit
	// CPUShares is the weight against others where processors are short, 1024 being what a replica has; 0: 256.
	CPUShares uint64
}

// apply sets the limits on the control group that RUN steps are started below.
func (l Limits) apply(parent string) error {
	resources := l.resources()
	if cgroups.Mode() == cgroups.Unified {
		_, err := cgroup2.NewManager(cgroupRoot, path.Join("/", parent), cgroup2.ToResources(resources))
		return err
	}
	group, err := cgroup1.Load(cgroup1.StaticPath(path.Join("/", parent)), cgroup1.WithHierarchy(limited))
	if err != nil {
		group, err = cgroup1.New(cgroup1.StaticPath(path.Join("/", parent)), &specs.LinuxResources{}, cgroup1.WithHierarchy(limited))
	}
	if err != nil {
		return err
	}
	return group.Update(resources)
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

// limited are the controllers of cgroup v1 that Limits needs. Taking in the others would make empty groups in each.
func limited() ([]cgroup1.Subsystem, error) {
	all, err := cgroup1.Default()
	if err != nil {
		return nil, fmt.Errorf("read control groups: %w", err)
	}
	var some []cgroup1.Subsystem
	for _, s := range all {
		if s.Name() == cgroup1.Memory || s.Name() == cgroup1.Cpu {
			some = append(some, s)
		}
	}
	return some, nil
}

// removeCgroups takes away what apply and runc made for a parent, where nothing is left in it.
func removeCgroups(parent string) {
	for _, dir := range inHierarchies(parent) {
		_ = os.Remove(filepath.Join(dir, "buildkit"))
		_ = os.Remove(dir) // one that is still in use stays, and is used again
	}
}

// cgroupsOf are the folders of a RUN step's control group, in every hierarchy that is mounted.
func cgroupsOf(parent, id string) []string {
	return inHierarchies(filepath.Join(parent, "buildkit", id))
}

// inHierarchies are the folders of a control group: one in cgroup v2, one for each controller in v1.
func inHierarchies(group string) []string {
	group = strings.TrimPrefix(group, "/")
	var found []string
	for _, pattern := range []string{filepath.Join(cgroupRoot, group), filepath.Join(cgroupRoot, "*", group)} {
		matches, _ := filepath.Glob(pattern) // the pattern is well formed
		found = append(found, matches...)
	}
	return found
}
