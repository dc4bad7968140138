package aide

import (
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
	program, err := exec.LookPath("runc")
	if err != nil {
		return err
	}
	runtime.LockOSThread() // its root and mounts are what runc inherits
	if slices.Contains(args, "create") {
		if err := becomeRoot(); err != nil {
			return fmt.Errorf("leave chroot: %w", err)
		}
	}
	return unix.Exec(program, append([]string{"runc"}, args...), os.Environ())
}

// becomeRoot makes what is this thread's root the root of a mount namespace of its own.
func becomeRoot() error {
	here, err := os.Getwd()
	if err != nil {
		return err
	}
	if err := unix.Unshare(unix.CLONE_NEWNS); err != nil {
		return fmt.Errorf("unshare mounts: %w", err)
	}
	root, err := unix.Open("/", unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("open root: %w", err)
	}
	if err := JoinOwnMounts(); err != nil {
		return err
	}
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return fmt.Errorf("make mounts private: %w", err)
	}
	if err := pivotTo(root); err != nil {
		return err
	}
	return unix.Chdir(here)
}

// JoinOwnMounts makes the root of the thread's mount namespace the thread's root. The thread must share its root with no
// other.
func JoinOwnMounts() error {
	own, err := unix.Open("/proc/thread-self/ns/mnt", unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("open own mount namespace: %w", err)
	}
	defer unix.Close(own)
	if err := unix.Setns(own, unix.CLONE_NEWNS); err != nil {
		return fmt.Errorf("join own mount namespace: %w", err)
	}
	return nil
}

// pivotTo makes the folder a mount, that mount the root, and lets go of the root before.
func pivotTo(dir int) error {
	const empty = unix.AT_EMPTY_PATH
	tree, err := unix.OpenTree(dir, "", unix.OPEN_TREE_CLONE|unix.OPEN_TREE_CLOEXEC|unix.AT_RECURSIVE|empty)
	if err != nil {
		return fmt.Errorf("copy mounts below root: %w", err)
	}
	err = unix.MoveMount(tree, "", dir, "", unix.MOVE_MOUNT_F_EMPTY_PATH|unix.MOVE_MOUNT_T_EMPTY_PATH)
	if err != nil {
		return fmt.Errorf("mount root: %w", err)
	}
	if err := unix.Fchdir(tree); err != nil {
		return err
	}
	if err := unix.PivotRoot(".", "."); err != nil {
		return fmt.Errorf("pivot root: %w", err)
	}
	if err := unix.Unmount(".", unix.MNT_DETACH); err != nil {
		return fmt.Errorf("let go of the root before: %w", err)
	}
	return unix.Chdir("/")
}
