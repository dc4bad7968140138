package runtime

import (
	"fmt"
	goruntime "runtime"

	"golang.org/x/sys/unix"

	"github.com/seaworthyhq/seaworthy/internal/runtime/aide"
)

// inChroot reports whether this process sees another root than its mount namespace has. See aide.RuncName for what follows.
func inChroot() (bool, error) {
	type answer struct {
		differs bool
		err     error
	}
	answers := make(chan answer)
	go func() {
		goruntime.LockOSThread() // never unlocked: the thread has another root, and ends with the goroutine
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
	if err := aide.JoinOwnMounts(); err != nil {
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
