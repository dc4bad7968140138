package session

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path/filepath"
	"unicode/utf8"

	"github.com/tonistiigi/fsutil"
	"github.com/tonistiigi/fsutil/types"
	"golang.org/x/sys/unix"
)

// folder is one of the user's as the engine may see it. Of what cannot be sent it names the file: the protocol alone would say
// that some string is wrong, send a file that cannot be opened as an empty one, or wait forever for the rest of one that cannot be
// read. What is ignored is not looked at.
type folder struct {
	fsutil.FS
	dir    string
	failed func(error) // is told why a file cannot be sent
}

func openFolder(dir string) (folder, error) {
	all, err := fsutil.NewFS(dir)
	return folder{all, dir, func(error) {}}, err
}

func (f folder) Walk(ctx context.Context, target string, fn fs.WalkDirFunc) error {
	return f.FS.Walk(ctx, target, func(path string, e fs.DirEntry, err error) error {
		switch {
		case path == State && e != nil && e.IsDir():
			return fs.SkipDir
		case path == State:
			return nil
		case e != nil:
			e = entry{e, f.dir, path}
		}
		return fn(path, e, err)
	})
}

func (f folder) Open(path string) (io.ReadCloser, error) {
	opened, err := f.FS.Open(path)
	if errors.Is(err, unix.ENXIO) { // a socket, which is sent as an empty file
		return nil, err
	}
	if err != nil {
		err = unsendable(path, err)
		f.failed(err)
		return nil, err
	}
	return file{opened, path, f.failed}, nil
}

// file is one that is being sent.
type file struct {
	io.ReadCloser
	path   string
	failed func(error)
}

func (f file) Read(p []byte) (int, error) {
	n, err := f.ReadCloser.Read(p)
	if err != nil && !errors.Is(err, io.EOF) {
		err = unsendable(f.path, err)
		f.failed(err)
	}
	return n, err
}

// unsendable is err, for people. That a file has gone is said in words only: where it meets the error as such, the walk silently goes
// on without the rest of the folder.
func unsendable(path string, err error) error {
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, unix.ENOTDIR) {
		return fmt.Errorf("%s was removed while the build read it: run it again, or name it in .dockerignore", path)
	}
	if at, ok := errors.AsType[*fs.PathError](err); ok {
		err = at.Err
	}
	return fmt.Errorf("%s cannot be read: %w: see to it, or name it in .dockerignore", path, err)
}

// entry is asked for its Info by whoever sends it.
type entry struct {
	fs.DirEntry
	dir, path string
}

func (e entry) Info() (fs.FileInfo, error) {
	if !utf8.ValidString(e.path) {
		return nil, fmt.Errorf("the name %q is not UTF-8: rename the file, or name it in .dockerignore", e.path)
	}
	info, err := e.DirEntry.Info()
	if err != nil {
		return nil, unsendable(e.path, err)
	}
	if stat, ok := info.Sys().(*types.Stat); ok && !utf8.ValidString(stat.Linkname) {
		return nil, fmt.Errorf("the link %s leads to %q, which is not UTF-8: name it in .dockerignore", e.path, stat.Linkname)
	}
	if e.Type().IsRegular() {
		if err := unix.Faccessat(unix.AT_FDCWD, filepath.Join(e.dir, e.path), unix.R_OK, unix.AT_EACCESS); err != nil {
			return nil, unsendable(e.path, err)
		}
	}
	return info, nil
}
