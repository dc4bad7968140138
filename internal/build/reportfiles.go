package build

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path"
	"slices"
	"strings"
	"unicode/utf8"

	rootfs "github.com/containerd/continuity/fs"
	"github.com/moby/patternmatcher"
	"github.com/tonistiigi/fsutil"
	"github.com/tonistiigi/fsutil/types"
	"golang.org/x/sys/unix"

	"github.com/seaworthyhq/seaworthy/internal/report"
)

// Of a check so much is kept at most: reports are for people, not for what a build makes.
const (
	maxReportFiles = 10_000
	maxReportBytes = 256 << 20
)

// reportFiles are the files of a check that are kept, named as in the folder that they are kept in. It is what the session sends.
type reportFiles struct {
	root    *os.Root
	files   map[string]reportFile
	folders map[string]bool // that files are in
	bytes   int64
	missing []string // paths that were asked for, and where nothing is
	twice   []string // files for which there is no place, since another one has their name
	left    int      // files that were left out for their size, number or name
}

type reportFile struct {
	at   string // in the check's file system
	info fs.FileInfo
}

// findReports looks for files, folders and globs in the file system that a check left; a nil root has none.
func findReports(ctx context.Context, root *os.Root, paths []string) (*reportFiles, error) {
	f := &reportFiles{root: root, files: map[string]reportFile{}, folders: map[string]bool{}}
	for _, asked := range paths {
		found := false
		if root != nil {
			var err error
			if found, err = f.find(ctx, asked); err != nil {
				return nil, fmt.Errorf("look for %s: %w", asked, err)
			}
		}
		if !found {
			f.missing = append(f.missing, asked)
		}
	}
	return f, nil
}

func (f *reportFiles) find(ctx context.Context, asked string) (found bool, err error) {
	fixed, isGlob := splitGlob(asked)
	resolved, err := rootfs.RootPath(f.root.Name(), fixed) // links on the way count as they do within the check
	if errors.Is(err, unix.ENOTDIR) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	at := strings.TrimPrefix(strings.TrimPrefix(resolved, f.root.Name()), "/")
	if at == "" {
		at = "."
	}
	info, err := f.root.Lstat(at)
	switch {
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, unix.ENOTDIR):
		return false, nil
	case err != nil:
		return false, err
	case !info.IsDir():
		return !isGlob && f.add(path.Base(fixed), at, info), nil
	}
	matches := func(string) (bool, error) { return true, nil }
	if isGlob {
		glob, err := patternmatcher.New([]string{strings.TrimPrefix(asked, "/")})
		if err != nil {
			return false, err
		}
		matches = func(name string) (bool, error) {
			return glob.MatchesOrParentMatches(strings.TrimPrefix(path.Join(fixed, name), "/"))
		}
	}
	some, err := f.addBelow(ctx, at, matches)
	return some || !isGlob, err
}

// addBelow keeps the files below a folder that match, by their paths from there. Links and special files are nobody's report.
func (f *reportFiles) addBelow(ctx context.Context, dir string, matches func(name string) (bool, error)) (some bool, err error) {
	err = fs.WalkDir(f.root.FS(), dir, func(at string, e fs.DirEntry, err error) error {
		if err != nil || ctx.Err() != nil {
			return errors.Join(err, context.Cause(ctx))
		}
		if !e.Type().IsRegular() {
			return nil
		}
		name := at
		if dir != "." {
			name = strings.TrimPrefix(at, dir+"/")
		}
		if ok, err := matches(name); !ok || err != nil {
			return err
		}
		info, err := e.Info()
		if err == nil {
			some = f.add(name, at, info) || some
		}
		return err
	})
	return some, err
}

// splitGlob is the folder that all matches of a glob are in, and whether it is one.
func splitGlob(asked string) (fixed string, isGlob bool) {
	i := strings.IndexAny(asked, `*?[\`)
	if i < 0 {
		return asked, false
	}
	return path.Dir(asked[:i] + "x"), true
}

// add keeps a file, as far as there is room, and reports whether it is one at all.
func (f *reportFiles) add(name, at string, info fs.FileInfo) bool {
	known, taken := f.files[name]
	switch {
	case !info.Mode().IsRegular():
		return false
	case taken && known.at == at:
	case taken || f.folders[name] || f.isBelowFile(name):
		f.twice = append(f.twice, "/"+at)
	case len(f.files) >= maxReportFiles, f.bytes+info.Size() > maxReportBytes, !utf8.ValidString(name):
		f.left++
	default:
		f.files[name] = reportFile{at, info}
		f.bytes += info.Size()
		for dir := path.Dir(name); dir != "."; dir = path.Dir(dir) {
			f.folders[dir] = true
		}
	}
	return true
}

func (f *reportFiles) isBelowFile(name string) bool {
	for dir := path.Dir(name); dir != "."; dir = path.Dir(dir) {
		if _, isFile := f.files[dir]; isFile {
			return true
		}
	}
	return false
}

// names are those of files and folders, in the order in which the protocol sends them.
func (f *reportFiles) names() []string {
	return slices.SortedFunc(func(yield func(string) bool) {
		maps.Keys(f.files)(yield)
		maps.Keys(f.folders)(yield)
	}, fsutil.ComparePath)
}

// sumUp reads what the files say about tests. What is wrong with one is told.
func (f *reportFiles) sumUp(tell func(name string, err error)) report.Summary {
	var sum report.Summary
	for _, name := range f.names() {
		if f.folders[name] {
			continue
		}
		file, err := f.Open(name)
		if err != nil {
			tell(name, err)
			continue
		}
		tests, err := report.Read(file)
		file.Close()
		sum.Add(tests)
		if err != nil {
			tell(name, err)
		}
	}
	return sum
}

// Open is asked by the session for what it sends.
func (f *reportFiles) Open(name string) (io.ReadCloser, error) { return f.root.Open(f.files[name].at) }

// Walk is asked by the session for what there is to send.
func (f *reportFiles) Walk(ctx context.Context, _ string, fn fs.WalkDirFunc) error {
	for _, name := range f.names() {
		stat := &types.Stat{Path: name, Mode: uint32(fs.ModeDir | 0o755)}
		if file, ok := f.files[name]; ok {
			stat.Mode, stat.Size, stat.ModTime = 0o644, file.info.Size(), file.info.ModTime().UnixNano()
		}
		if err := fn(name, &fsutil.DirEntryInfo{Stat: stat}, ctx.Err()); err != nil {
			return err
		}
	}
	return nil
}
