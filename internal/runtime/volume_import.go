package runtime

import (
	"archive/tar"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"

	"github.com/containerd/containerd/v2/pkg/archive"
	"github.com/containerd/containerd/v2/pkg/archive/compression"
	cfs "github.com/containerd/continuity/fs"
	"golang.org/x/sys/unix"

	"github.com/seaworthyhq/seaworthy/internal/release"
)

// ImportVolume replaces the volume's content by that of a tar file, which may be compressed; all of it or nothing. The
// volume is made where it is missing. No replica may use it.
func (r *Runtime) ImportVolume(ctx context.Context, env release.Environment, name string, from io.Reader) error {
	return r.replaceVolume(ctx, env, name, func(dir string) error { return unpack(ctx, dir, from) })
}

// CopyVolume does the same with the content of a folder, which is only read.
func (r *Runtime) CopyVolume(ctx context.Context, env release.Environment, name, folder string) error {
	return r.replaceVolume(ctx, env, name, func(dir string) error {
		if info, err := os.Stat(folder); err != nil || !info.IsDir() {
			return &release.UserError{Kind: release.KindNotFound, Err: fmt.Errorf("no folder %s on this machine", folder)}
		}
		return cfs.CopyDir(dir, folder)
	})
}

// replaceVolume fills a folder beside the volume's content and then puts it in its place at once.
func (r *Runtime) replaceVolume(ctx context.Context, env release.Environment, name string, fill func(dir string) error) (err error) {
	if !validID.MatchString(name) {
		return &release.UserError{Kind: release.KindUsage, Err: fmt.Errorf("volume %q: the name has characters that names cannot have", name)}
	}
	if err := r.CheckUnused(env, name); err != nil { // before the work is done in vain
		return err
	}
	r.volumes.refill.Lock()
	defer r.volumes.refill.Unlock()
	dir := r.volumes.dir(env, name)
	next := filepath.Join(dir, volumeNext)
	defer func() {
		if err != nil {
			err = fmt.Errorf("import volume %s of %s: %w", name, env, err)
		}
		_ = os.RemoveAll(next) // what was replaced, or is not whole; the next import clears what stays
		if os.Remove(dir) == nil {
			tidy(dir) // it was not there before either
		}
	}()
	if err := stage(dir, next); err != nil {
		return err
	}
	if err := fill(next); err != nil {
		return err
	}
	if err := syncAll(next); err != nil {
		return err
	}
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return r.putInPlace(env, name, dir)
}

// stage makes the folder to be filled, with owner and mode of what it is to replace.
func stage(dir, next string) error {
	if err := os.RemoveAll(next); err != nil { // of an import that was killed
		return err
	}
	if err := os.MkdirAll(dir, 0o711); err != nil {
		return err
	}
	if err := os.Mkdir(next, 0o755); err != nil {
		return err
	}
	var before unix.Stat_t
	if err := unix.Stat(filepath.Join(dir, volumeData), &before); err != nil {
		return nil //nolint:nilerr // it is not there yet
	}
	return errors.Join(os.Chown(next, int(before.Uid), int(before.Gid)), unix.Chmod(next, before.Mode&0o7777))
}

// putInPlace exchanges the volume's content for what was staged: whoever is killed meanwhile leaves one of the two.
func (r *Runtime) putInPlace(env release.Environment, name, dir string) error {
	r.volumes.use.Lock()
	defer r.volumes.use.Unlock()
	if err := r.CheckUnused(env, name); err != nil {
		return err
	}
	data, next := filepath.Join(dir, volumeData), filepath.Join(dir, volumeNext)
	err := unix.Renameat2(unix.AT_FDCWD, next, unix.AT_FDCWD, data, unix.RENAME_EXCHANGE)
	if errors.Is(err, fs.ErrNotExist) {
		err = os.Rename(next, data)
	}
	if err != nil {
		return fmt.Errorf("put content in place: %w", err)
	}
	if err := os.Remove(filepath.Join(dir, volumeFresh)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return syncAll(dir)
}

// CheckUnused is an error that says who uses the volume.
func (r *Runtime) CheckUnused(env release.Environment, name string) error {
	users := r.VolumeUsers(env, name)
	if len(users) == 0 {
		return nil
	}
	return &release.UserError{
		Kind: release.KindConflict, Err: fmt.Errorf("volume %s is used by %s", name, users[0].ID),
		Hint: fmt.Sprintf("stop who uses it: %s, and scale it back afterwards", env.Command("scale "+users[0].Service+"=0")),
	}
}

// syncAll has the kernel write what was written to the file system of dir.
func syncAll(dir string) error {
	f, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer f.Close()
	if err := unix.Syncfs(int(f.Fd())); err != nil {
		return fmt.Errorf("write to disk: %w", err)
	}
	return nil
}

// unpack fills dir from a tar file, with owners, modes, links and extended attributes, those of dir itself included. One that
// was cut off is an error, also between two files.
func unpack(ctx context.Context, dir string, from io.Reader) error {
	plain, err := compression.DecompressStream(from)
	if err != nil {
		return notAnArchive(err)
	}
	defer plain.Close()
	var root *tar.Header
	stream := &tarStream{from: plain}
	_, err = archive.Apply(ctx, dir, stream,
		archive.WithConvertWhiteout(func(*tar.Header, string) (bool, error) { return true, nil }), // these are files like others
		archive.WithFilter(func(h *tar.Header) (bool, error) {
			if path.Clean(h.Name) == "." {
				root = h
			}
			return true, nil
		}))
	if errors.Is(err, tar.ErrHeader) || errors.Is(err, io.ErrUnexpectedEOF) {
		return notAnArchive(err)
	}
	if err != nil {
		return err
	}
	if _, err := io.Copy(io.Discard, stream); err != nil {
		return notAnArchive(err)
	}
	if stream.zeros < tarEnd {
		return notAnArchive(errors.New("its end is missing"))
	}
	if root == nil {
		return nil
	}
	return dress(dir, root)
}

func notAnArchive(err error) error {
	return &release.UserError{
		Kind: release.KindUsage, Err: fmt.Errorf("read tar archive: %w", err), Hint: "the volume is as it was; make the archive again: tar -C FOLDER -c .",
	}
}

// dress gives a folder what an archive says of its root.
func dress(dir string, h *tar.Header) error {
	for key, value := range h.PAXRecords {
		if name, ok := strings.CutPrefix(key, xattrRecord); ok {
			if err := unix.Lsetxattr(dir, name, []byte(value), 0); err != nil && !errors.Is(err, unix.ENOTSUP) {
				return fmt.Errorf("set attribute %s: %w", name, err)
			}
		}
	}
	if err := os.Chown(dir, h.Uid, h.Gid); err != nil {
		return err
	}
	return errors.Join(os.Chmod(dir, h.FileInfo().Mode()), os.Chtimes(dir, h.ModTime, h.ModTime))
}

// xattrRecord begins the name of an extended attribute in a tar archive.
const xattrRecord = "SCHILY.xattr."

// tarEnd is how many zeros end a tar archive.
const tarEnd = 1024

// tarStream counts the zeros that a stream ends with.
type tarStream struct {
	from  io.Reader
	zeros int
}

func (e *tarStream) Read(p []byte) (int, error) {
	n, err := e.from.Read(p)
	tail := len(p[:n])
	for tail > 0 && p[tail-1] == 0 {
		tail--
	}
	if tail > 0 {
		e.zeros = 0
	}
	e.zeros += n - tail
	return n, err
}
