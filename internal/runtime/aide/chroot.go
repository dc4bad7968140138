package aide

import (
	"fmt"
	"os"
	"runtime"

	"golang.org/x/sys/unix"
)

// InChroot reports whether this process sees another root than its mount namespace has.
func InChroot() (bool, error) {
	type answer struct {
		differs bool
		err     error
	}
	answers := make(chan answer)
	go func() {
		runtime.LockOSThread() // never unlocked: the thread has another root, and ends with the goroutine
		differs, err := rootDiffers()
		answers <- answer{differs, err}
	}()
	a := <-answers
	if a.err != nil {
		return false, fmt.Errorf("look whether this is a chroot: %w", a.err)
	}
	return a.differs, nil
}

func rootDiffers() (bool, error) {
	seen, err := rootMount()
	if err != nil {
		return false, err
	}
	if err := unix.Unshare(unix.CLONE_FS); err != nil {
		return false, fmt.Errorf("unshare root: %w", err)
	}
	if err := joinOwnMounts(); err != nil {
		return false, err
	}
	own, err := rootMount()
	return seen != own, err
}

// place is a folder as seen through one mount: a bind mount of it is another.
type place struct {
	mount, inode uint64
}

func rootMount() (place, error) {
	var s unix.Statx_t
	if err := unix.Statx(unix.AT_FDCWD, "/", 0, unix.STATX_INO|unix.STATX_MNT_ID, &s); err != nil {
		return place{}, fmt.Errorf("look at root: %w", err)
	}
	return place{mount: s.Mnt_id, inode: s.Ino}, nil
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
	if err := joinOwnMounts(); err != nil {
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

// joinOwnMounts makes the root of the thread's mount namespace the thread's root. The thread must share its root with no
// other.
func joinOwnMounts() error {
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
