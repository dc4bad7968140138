package aide

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"slices"

	"golang.org/x/sys/unix"
)

// runRunc is runc for an engine that runs in a chroot. There pivot_root, by which runc gives a container its root, leaves
// the root of the container's mount namespace what it was: whatever joins the namespace later (runc exec, so each health
// check too) would find itself in the root of the host. So what creates a container gets a mount namespace in which the
// folder that the engine sees as its root is the root.
func runRunc(args []string) error {
	return runOCI("runc", args, func() error {
		if slices.Contains(args, "create") {
			return becomeRoot()
		}
		return nil
	})
}

// runCrun is crun on a machine with mixed cgroups, which it refuses. All controllers that replicas are limited by are in version
// 1 there, so it is not shown the others. Elsewhere it is crun as it is.
func runCrun(args []string) error {
	return runOCI("crun", args, func() error {
		if !MixedCgroups() {
			return nil
		}
		if err := unix.Unshare(unix.CLONE_NEWNS); err != nil {
			return err
		}
		if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_SLAVE, ""); err != nil {
			return err
		}
		return unix.Mount("tmpfs", secondHierarchy, "tmpfs", 0, "") // what crun leaves there goes with the mount namespace
	})
}

// SealedCrun is the variable that says where there is a crun that need not copy itself.
const SealedCrun = "SEAWORTHY_CRUN"

// runOCI becomes that OCI runtime, in the root and with the mounts that prepare gives this thread.
func runOCI(name string, args []string, prepare func() error) error {
	program := os.Getenv(SealedCrun)
	if program == "" || name != "crun" {
		var err error
		if program, err = exec.LookPath(name); err != nil {
			return err
		}
	}
	runtime.LockOSThread()
	if err := prepare(); err != nil {
		return fmt.Errorf("prepare for %s: %w", name, err)
	}
	return unix.Exec(program, append([]string{name}, args...), os.Environ())
}

// secondHierarchy is where machines with cgroups of version 1 have those of version 2 beside them, mostly empty.
const secondHierarchy = "/sys/fs/cgroup/unified"

// MixedCgroups reports whether some controllers are in cgroups of version 1 and others in those of version 2.
func MixedCgroups() bool {
	controllers, err := os.ReadFile(secondHierarchy + "/cgroup.controllers")
	return err == nil && len(bytes.TrimSpace(controllers)) > 0
}
