package session

import (
	"context"
	"fmt"
	"io/fs"
	"path/filepath"
	"unicode/utf8"

	"github.com/tonistiigi/fsutil"
	"github.com/tonistiigi/fsutil/types"
	"golang.org/x/sys/unix"
)

// folder is one of the user's as the engine may see it. Of what cannot be sent it names the file: the protocol alone would say
// that some string is wrong, or send a file that cannot be opened as an empty one. What is ignored is not looked at.
type folder struct {
	fsutil.FS
	dir string
}

func openFolder(dir string) (fsutil.FS, error) {
	all, err := fsutil.NewFS(dir)
	if err != nil {
		return nil, err
	}
	some, err := fsutil.NewFilterFS(all, &fsutil.FilterOpt{ExcludePatterns: []string{State}})
	return folder{some, dir}, err
}

func (f folder) Walk(ctx context.Context, target string, fn fs.WalkDirFunc) error {
	return f.FS.Walk(ctx, target, func(path string, e fs.DirEntry, err error) error {
		if e != nil {
			e = entry{e, f.dir, path}
		}
		return fn(path, e, err)
	})
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
		return nil, err
	}
	if stat, ok := info.Sys().(*types.Stat); ok && !utf8.ValidString(stat.Linkname) {
		return nil, fmt.Errorf("the link %s leads to %q, which is not UTF-8: name it in .dockerignore", e.path, stat.Linkname)
	}
	if e.Type().IsRegular() {
		if err := unix.Faccessat(unix.AT_FDCWD, filepath.Join(e.dir, e.path), unix.R_OK, unix.AT_EACCESS); err != nil {
			return nil, fmt.Errorf("%s cannot be read: %w: allow it, or name the file in .dockerignore", e.path, err)
		}
	}
	return info, nil
}
