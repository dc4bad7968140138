// Package plainfile reads files that have an end. A pipe or a device might have none, and whoever read it would wait for ever.
package plainfile

import (
	"errors"
	"io/fs"
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// ErrNotRegular is what is wrong with a folder, a pipe or a device.
var ErrNotRegular = errors.New("it is not a regular file")

// Check reports whether there is a file that Read reads.
func Check(path string) error {
	info, err := os.Stat(path)
	if err == nil && !info.Mode().IsRegular() && !isNull(info) {
		err = &fs.PathError{Op: "read", Path: path, Err: ErrNotRegular}
	}
	return err
}

// Read reads a regular file. /dev/null is one that is empty.
func Read(path string) ([]byte, error) {
	if err := Check(path); err != nil {
		return nil, err
	}
	return os.ReadFile(path)
}

// isNull reports whether a file is the null device (null(4)), wherever it lies.
func isNull(info fs.FileInfo) bool {
	st, ok := info.Sys().(*syscall.Stat_t)
	return ok && info.Mode()&fs.ModeCharDevice != 0 && st.Rdev == unix.Mkdev(1, 3)
}
