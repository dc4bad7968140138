package build

import (
	"bufio"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/moby/buildkit/cache"
	"github.com/moby/buildkit/cache/contenthash"
	"github.com/moby/buildkit/session"
	"github.com/moby/buildkit/snapshot"
	"github.com/moby/buildkit/solver/llbsolver/ops/opsutils"
	bkworker "github.com/moby/buildkit/worker"
	"github.com/moby/patternmatcher"
	"github.com/opencontainers/go-digest"

	"github.com/seaworthyhq/seaworthy/internal/cause"
)

const (
	// maxListed is how many files a list names one by one. Of more, it has the folders at the top.
	maxListed = 50_000
	// maxLists is how many bytes of lists are kept; those that were not used for the longest time go first.
	maxLists = 64 << 20
)

// lists remember which files operations took from the user's folders, and what each was, so that the next build can say which
// are others. They are found by the digest of all that an operation takes, so what was taken before is not listed again.
type lists struct{ dir string }

func openLists(dir string) (*lists, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("make folder of file lists: %w", err)
	}
	return &lists{dir: dir}, nil
}

// Files are those of the list that an operation names, nil where it is no longer kept.
func (b *Builder) Files(list digest.Digest) cause.Files { return b.lists.read(list) }

func (l *lists) path(name digest.Digest) string { return filepath.Join(l.dir, name.Encoded()+".gz") }

// keep lists what is taken, unless that was listed before, and returns the name of the list. before is the list of what was taken
// in its place the last time.
func (l *lists) keep(ctx context.Context, takes []taken, before digest.Digest, sid string) (digest.Digest, error) {
	h := digest.SHA256.Digester()
	for _, t := range takes {
		if err := json.NewEncoder(h.Hash()).Encode([]any{t.content, t.selectors}); err != nil {
			return "", err
		}
	}
	name := h.Digest()
	if _, err := os.Stat(l.path(name)); err == nil {
		return name, nil
	}
	files, were := cause.Files{}, l.read(before)
	for _, t := range takes {
		if err := list(ctx, t, sid, lister{files: files, were: were}); err != nil {
			return "", fmt.Errorf("list files of the context: %w", err)
		}
	}
	return name, l.write(name, files)
}

// keepPatterns keeps the patterns of an ignore file, and returns the name of that.
func (l *lists) keepPatterns(all []string) (digest.Digest, error) {
	patterns := cause.Patterns(all)
	h := digest.SHA256.Digester()
	if err := json.NewEncoder(h.Hash()).Encode(patterns); err != nil {
		return "", err
	}
	name := h.Digest()
	if _, err := os.Stat(l.path(name)); err == nil {
		return name, nil
	}
	return name, l.write(name, patterns)
}

func (l *lists) write(name digest.Digest, files cause.Files) error {
	tmp, err := os.CreateTemp(l.dir, ".list-*")
	if err != nil {
		return err
	}
	defer os.Remove(tmp.Name())
	z, err := gzip.NewWriterLevel(tmp, gzip.BestSpeed)
	if err == nil {
		err = json.NewEncoder(z).Encode(files)
	}
	if err == nil {
		err = z.Close()
	}
	if err = errors.Join(err, tmp.Close()); err != nil {
		return err
	}
	// No fsync: of a list that is lost or torn, it is said that it is not known.
	return os.Rename(tmp.Name(), l.path(name))
}

// read returns nil where nothing usable is kept. A list that is asked for is in use.
func (l *lists) read(name digest.Digest) cause.Files {
	if name == "" {
		return cause.Files{} // it took nothing
	}
	f, err := os.Open(l.path(name))
	if err != nil {
		return nil
	}
	defer f.Close()
	z, err := gzip.NewReader(bufio.NewReader(f))
	if err != nil {
		return nil
	}
	var files cause.Files
	if json.NewDecoder(z).Decode(&files) != nil {
		return nil
	}
	now := time.Now()
	_ = os.Chtimes(l.path(name), now, now) // one that goes too early is only a reason less
	return files
}

// sweep removes the lists that were not used for the longest time, beyond what is kept of them.
func (l *lists) sweep() error {
	entries, err := os.ReadDir(l.dir)
	if err != nil {
		return err
	}
	var all []fs.FileInfo
	for _, e := range entries {
		if info, err := e.Info(); err == nil {
			all = append(all, info)
		}
	}
	slices.SortFunc(all, func(a, b fs.FileInfo) int { return b.ModTime().Compare(a.ModTime()) })
	var kept int64
	var errs []error
	for _, info := range all {
		torn := strings.HasPrefix(info.Name(), ".") && time.Since(info.ModTime()) > time.Hour // of an engine that was killed
		if kept += info.Size(); kept > maxLists || torn {
			errs = append(errs, os.Remove(filepath.Join(l.dir, info.Name())))
		}
	}
	return errors.Join(errs...)
}

// list adds the files that are taken from a folder.
func list(ctx context.Context, t taken, sid string, l lister) (err error) {
	ref, ok := t.folder.Sys().(*bkworker.WorkerRef)
	if !ok {
		return fmt.Errorf("a folder that is a %T", t.folder)
	}
	group := session.NewGroup(sid)
	mountable, err := ref.ImmutableRef.Mount(ctx, true, group)
	if err != nil {
		return err
	}
	mounter := snapshot.LocalMounter(mountable)
	dir, err := mounter.Mount()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, mounter.Unmount()) }()
	root, err := os.OpenRoot(dir)
	if err != nil {
		return err
	}
	defer root.Close()
	l.ctx, l.dir, l.fs, l.ref, l.group = ctx, dir, root.FS(), ref.ImmutableRef, group
	selectors := t.selectors
	if len(selectors) == 0 {
		selectors = []opsutils.Selector{{}}
	}
	for _, sel := range selectors {
		if err := l.selected(sel); errors.Is(err, errTooMany) {
			clear(l.files)
			return l.top()
		} else if err != nil {
			return err
		}
	}
	return nil
}

var errTooMany = errors.New("too many files to list")

// lister walks a folder. What a file is, the solver has noted when it was brought in.
type lister struct {
	ctx   context.Context
	dir   string
	fs    fs.FS // which does not lead out of the folder
	ref   cache.ImmutableRef
	group session.Group
	files cause.Files
	were  cause.Files // the last time
}

func (l *lister) selected(sel opsutils.Selector) error {
	only, err := newFilter(sel)
	if err != nil {
		return err
	}
	from := strings.Trim(path.Join("/", sel.Path), "/")
	starts := []string{from}
	if from == "" {
		starts = []string{"."}
	} else if sel.Wildcard {
		if starts, err = fs.Glob(l.fs, from); err != nil {
			return err
		}
	}
	for _, start := range starts {
		if err := l.walk(start, only); err != nil {
			return err
		}
	}
	return nil
}

func (l *lister) walk(start string, only filter) error {
	return fs.WalkDir(l.fs, start, func(name string, entry fs.DirEntry, err error) error {
		switch {
		case errors.Is(err, fs.ErrNotExist):
			return nil // the build says so
		case err != nil:
			return err
		case l.ctx.Err() != nil:
			return context.Cause(l.ctx)
		case len(l.files) >= maxListed:
			return errTooMany
		}
		within := strings.TrimPrefix(strings.TrimPrefix(name, start), "/")
		if takes, err := only.takes(within); err != nil || !takes || name == "." {
			return err
		}
		info, err := entry.Info()
		if err != nil {
			return err
		}
		if entry.IsDir() {
			l.files[name+"/"] = info.Mode().String()
			return nil
		}
		if err := l.note(name, name); err != nil {
			return err
		}
		if info.Mode().IsRegular() {
			l.files[name] = l.withMode(name, info)
		}
		return nil
	})
}

// top has what is in the folder itself, folders with all that they hold.
func (l *lister) top() error {
	entries, err := fs.ReadDir(l.fs, ".")
	if err != nil {
		return err
	}
	for _, e := range entries {
		shown := e.Name()
		if e.IsDir() {
			shown += "/"
		}
		if err := l.note(shown, e.Name()); err != nil {
			return err
		}
	}
	return nil
}

func (l *lister) note(shown, name string) error {
	content, err := contenthash.Checksum(l.ctx, l.ref, "/"+name, contenthash.ChecksumOpts{}, l.group)
	if err != nil {
		return err
	}
	l.files[shown] = short(content)
	return nil
}

func short(content digest.Digest) string { return content.Encoded()[:24] }

// withMode adds to what is noted of a file its mode, and what it would be with that of the last time, since the solver's digest of it
// does not tell the one from the content.
func (l *lister) withMode(name string, info fs.FileInfo) string {
	is, was := l.files[name], cause.FileOf(l.were[name])
	mode := octal(info.Mode())
	if was.Mode == "" || was.Mode == mode || was.Is == is {
		return cause.File{Is: is, Mode: mode}.String()
	}
	otherwise, err := l.digest(name, remoded{info, fileMode(was.Mode)})
	if err != nil { // it is only told less exactly
		return cause.File{Is: is, Mode: mode}.String()
	}
	return cause.File{Is: is, Mode: mode, WithModeBefore: otherwise}.String()
}

// digest is what the solver would note of a file that is like that.
func (l *lister) digest(name string, info fs.FileInfo) (string, error) {
	h, err := contenthash.NewFileHash(filepath.Join(l.dir, name), info)
	if err != nil {
		return "", err
	}
	f, err := l.fs.Open(name)
	if err != nil {
		return "", err
	}
	defer f.Close()
	if _, err := io.Copy(h, f); err != nil {
		return "", err
	}
	return short(digest.NewDigest(digest.SHA256, h)), nil
}

// remoded is a file with another mode.
type remoded struct {
	fs.FileInfo
	mode fs.FileMode
}

func (r remoded) Mode() fs.FileMode { return r.mode }

// special are the bits of a mode that Go keeps elsewhere.
var special = map[fs.FileMode]fs.FileMode{fs.ModeSetuid: 0o4000, fs.ModeSetgid: 0o2000, fs.ModeSticky: 0o1000}

// octal is the mode of a file as chmod takes it.
func octal(mode fs.FileMode) string {
	bits := mode.Perm()
	for is, bit := range special {
		if mode&is != 0 {
			bits |= bit
		}
	}
	return fmt.Sprintf("%04o", uint32(bits))
}

// fileMode is what octal is of.
func fileMode(octal string) fs.FileMode {
	bits, err := strconv.ParseUint(octal, 8, 32)
	if err != nil {
		return 0 // no file has that, so nothing is said to have had it
	}
	mode := fs.FileMode(bits).Perm()
	for is, bit := range special {
		if fs.FileMode(bits)&bit != 0 {
			mode |= is
		}
	}
	return mode
}

// filter says what COPY --exclude and --parents take of a folder.
type filter struct {
	include, exclude *patternmatcher.PatternMatcher
}

func newFilter(sel opsutils.Selector) (f filter, err error) {
	if len(sel.IncludePatterns) > 0 {
		if f.include, err = patternmatcher.New(sel.IncludePatterns); err != nil {
			return f, err
		}
	}
	if len(sel.ExcludePatterns) > 0 {
		f.exclude, err = patternmatcher.New(sel.ExcludePatterns)
	}
	return f, err
}

func (f filter) takes(name string) (bool, error) {
	if f.include != nil {
		if takes, err := f.include.MatchesOrParentMatches(name); err != nil || !takes {
			return false, err
		}
	}
	if f.exclude != nil {
		leaves, err := f.exclude.MatchesOrParentMatches(name)
		return !leaves, err
	}
	return true, nil
}
