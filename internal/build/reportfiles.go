package build

import (
	"cmp"
	"context"
	"errors"
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
	missing []missing
	empty   []string // folders that were asked for, and have no files
	twice   leftOut  // there is no place for them, since another one has their name
	unnamed leftOut  // their names are no text
	left    leftOut  // they are too many, or too large
	special leftOut  // links, pipes, devices: nobody's report
}

type reportFile struct {
	at   string // in the check's file system
	info fs.FileInfo
}

// missing is a path that was asked for and gave nothing.
type missing struct {
	name string
	why  string // behind the name
}

const notThere = "is not there"

// leftOut are files that are not kept, by where they are: of very many only so many that nobody would go through them.
type leftOut map[string]bool

func (l leftOut) add(at string) {
	if len(l) <= maxReportFiles {
		l["/"+at] = true
	}
}

func (l leftOut) names() []string { return slices.Sorted(maps.Keys(l)) }

// findReports looks for files, folders and globs in the file system that a check left; a nil root has none.
func findReports(ctx context.Context, root *os.Root, paths []string) (*reportFiles, error) {
	f := &reportFiles{
		root: root, files: map[string]reportFile{}, folders: map[string]bool{}, twice: leftOut{}, unnamed: leftOut{}, left: leftOut{}, special: leftOut{},
	}
	for _, asked := range paths {
		why := notThere
		if root != nil {
			var err error
			if why, err = f.find(ctx, asked); ctx.Err() != nil {
				return nil, context.Cause(ctx)
			} else if err != nil { // the others may be fine
				why = "cannot be looked for: " + err.Error()
			}
		}
		if why != "" {
			f.missing = append(f.missing, missing{asked, why})
		}
	}
	return f, nil
}

// find keeps what was asked for, or says why there is nothing to keep.
func (f *reportFiles) find(ctx context.Context, asked string) (why string, err error) {
	fixed, isGlob := splitGlob(asked)
	at, info, err := f.look(fixed)
	switch {
	case err != nil:
		return "", err
	case isGlob && (info == nil || !info.IsDir()):
		return notThere, nil
	case info == nil && "/"+at != path.Clean(fixed):
		return "leads to /" + at + ", which " + notThere, nil
	case info == nil:
		return notThere, nil
	case info.Mode().IsRegular():
		f.add(path.Base(fixed), at, info)
		return "", nil
	case !info.IsDir():
		return "is " + kindOf(info.Mode()) + ", and only files are kept", nil
	}
	matches := func(string) (bool, error) { return true, nil }
	if isGlob {
		glob, err := patternmatcher.New([]string{strings.TrimPrefix(asked, "/")})
		if err != nil {
			return "", err
		}
		matches = func(name string) (bool, error) {
			return glob.MatchesOrParentMatches(strings.TrimPrefix(path.Join(fixed, name), "/"))
		}
	}
	switch some, special, err := f.addBelow(ctx, at, matches); {
	case err != nil:
		return "", err
	case some:
		maps.Copy(f.special, special)
		return "", nil
	case len(special) > 0:
		return "finds only links, pipes or devices, which are not kept", nil
	case isGlob:
		return notThere, nil
	}
	f.empty = append(f.empty, asked)
	return "", nil
}

// look finds what is at a path, nil if nothing is. Links lead where they do within the check.
func (f *reportFiles) look(name string) (at string, info fs.FileInfo, err error) {
	resolved, err := rootfs.RootPath(f.root.Name(), name)
	if errors.Is(err, unix.ENOTDIR) {
		return strings.TrimPrefix(name, "/"), nil, nil
	}
	if err != nil {
		return "", nil, err
	}
	at = cmp.Or(strings.TrimPrefix(strings.TrimPrefix(resolved, f.root.Name()), "/"), ".")
	info, err = f.root.Lstat(at)
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, unix.ENOTDIR) {
		return at, nil, nil
	}
	return at, info, err
}

// kindOf is what people call something that is neither file nor folder.
func kindOf(mode fs.FileMode) string {
	switch mode.Type() {
	case fs.ModeNamedPipe:
		return "a pipe"
	case fs.ModeSocket:
		return "a socket"
	}
	return "a device"
}

// addBelow keeps the files below a folder that match, by their paths from there. Links and special files that do are special.
func (f *reportFiles) addBelow(ctx context.Context, dir string, matches func(name string) (bool, error)) (some bool, special leftOut, err error) {
	special = leftOut{}
	err = fs.WalkDir(f.root.FS(), dir, func(at string, e fs.DirEntry, err error) error {
		name := at
		if dir != "." {
			name = strings.TrimPrefix(at, dir+"/")
		}
		if err != nil || ctx.Err() != nil {
			return errors.Join(err, context.Cause(ctx))
		}
		odd := e.IsDir() && !utf8.ValidString(name) // it cannot be opened
		if e.IsDir() && !odd {
			return nil
		}
		ok, err := matches(name)
		switch {
		case err != nil:
			return err
		case ok && odd:
			f.unnamed.add(at + "/")
			some = true
		case ok && e.Type().IsRegular():
			info, err := e.Info()
			if err != nil {
				return err
			}
			f.add(name, at, info)
			some = true
		case ok:
			special.add(at)
		}
		if odd {
			return fs.SkipDir
		}
		return nil
	})
	return some, special, err
}

// splitGlob is the folder that all matches of a glob are in, and whether it is one.
func splitGlob(asked string) (fixed string, isGlob bool) {
	i := strings.IndexAny(asked, `*?[\`)
	if i < 0 {
		return asked, false
	}
	return path.Dir(asked[:i] + "x"), true
}

// add keeps a file, as far as there is room.
func (f *reportFiles) add(name, at string, info fs.FileInfo) {
	known, taken := f.files[name]
	switch {
	case taken && known.at == at:
	case !utf8.ValidString(name):
		f.unnamed.add(at)
	case taken || f.folders[name] || f.isBelowFile(name):
		f.twice.add(at)
	case len(f.files) >= maxReportFiles, f.bytes+info.Size() > maxReportBytes:
		f.left.add(at)
	default:
		f.files[name] = reportFile{at, info}
		f.bytes += info.Size()
		for dir := path.Dir(name); dir != "."; dir = path.Dir(dir) {
			f.folders[dir] = true
		}
	}
}

// missed are the paths that were asked for and gave nothing.
func (f *reportFiles) missed() (names []string) {
	for _, m := range f.missing {
		names = append(names, m.name)
	}
	return names
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
		if err != nil && (!errors.Is(err, report.ErrEmpty) || namesReport(name)) {
			tell(name, err)
		}
	}
	return sum
}

// namesReport reports whether a file is called as one that tests are told in, so that there should be something in it.
func namesReport(name string) bool { return slices.Contains([]string{".xml", ".json"}, path.Ext(name)) }

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
