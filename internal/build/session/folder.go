package session

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"unicode/utf8"

	"github.com/tonistiigi/fsutil"
	"github.com/tonistiigi/fsutil/types"
)

// folder is one of the user's as the engine may see it. Of what cannot be sent it names the file: the protocol alone would say
// that some string is wrong, or send an empty file. What is ignored is not looked at.
type folder struct{ fsutil.FS }

func openFolder(dir string) (fsutil.FS, error) {
	all, err := fsutil.NewFS(dir)
	if err != nil {
		return nil, err
	}
	some, err := fsutil.NewFilterFS(all, &fsutil.FilterOpt{ExcludePatterns: []string{State}})
	return folder{some}, err
}

func (f folder) Walk(ctx context.Context, target string, fn fs.WalkDirFunc) error {
	return f.FS.Walk(ctx, target, func(path string, e fs.DirEntry, err error) error {
		if e != nil {
			e = entry{e, path}
		}
		return fn(path, e, err)
	})
}

// Open returns errors where the file is read: those of opening it are taken for a file that is empty.
func (f folder) Open(path string) (io.ReadCloser, error) {
	r, err := f.FS.Open(path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return unreadable{err}, nil
	}
	return r, err
}

type unreadable struct{ err error }

func (u unreadable) Read([]byte) (int, error) { return 0, u.err }
func (u unreadable) Close() error             { return nil }

type entry struct {
	fs.DirEntry
	path string
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
	return info, nil
}
