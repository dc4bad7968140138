package build

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/containerd/continuity/sysx"
	"golang.org/x/sys/unix"
)

// linkTree makes to look as from: folders are made again, with owner, mode, times and extended attributes (among them
// overlayfs's marks of opaque folders), and everything else is linked, overlayfs's whiteouts too. Both are layers that
// nobody writes to any more, so that they may share their files.
func linkTree(to, from string) error {
	var folders []string // parents first
	err := filepath.WalkDir(from, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(from, path)
		if err != nil {
			return err
		}
		if d.IsDir() {
			folders = append(folders, rel)
			return makeFolder(filepath.Join(to, rel))
		}
		return os.Link(path, filepath.Join(to, rel))
	})
	if err != nil {
		return err
	}
	// Times last, and from the inside out: what is made in a folder changes them.
	for i := len(folders) - 1; i >= 0; i-- {
		if err := copyFolder(filepath.Join(to, folders[i]), filepath.Join(from, folders[i])); err != nil {
			return fmt.Errorf("copy attributes of %s: %w", folders[i], err)
		}
	}
	return nil
}

func makeFolder(path string) error {
	if err := os.Mkdir(path, 0o700); !errors.Is(err, fs.ErrExist) {
		return err
	}
	return nil // the root is there
}

func copyFolder(to, from string) error {
	var st unix.Stat_t
	if err := unix.Lstat(from, &st); err != nil {
		return err
	}
	if err := unix.Chown(to, int(st.Uid), int(st.Gid)); err != nil {
		return err
	}
	if err := unix.Chmod(to, st.Mode&0o7777); err != nil {
		return err
	}
	names, err := sysx.LListxattr(from)
	if err != nil {
		return err
	}
	for _, name := range names {
		value, err := sysx.LGetxattr(from, name)
		if err != nil {
			return err
		}
		if err := sysx.LSetxattr(to, name, value, 0); err != nil {
			return err
		}
	}
	return unix.UtimesNanoAt(unix.AT_FDCWD, to, []unix.Timespec{st.Atim, st.Mtim}, unix.AT_SYMLINK_NOFOLLOW)
}
