package runtime

import (
	"archive/tar"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"github.com/containerd/containerd/v2/pkg/archive/tarheader"
	"github.com/containerd/continuity/sysx"
	"golang.org/x/sys/unix"

	"github.com/seaworthyhq/seaworthy/internal/release"
)

// ExportVolume writes the volume's content as a tar file, with owners, modes, times, links and extended attributes, those of
// its root included.
func (r *Runtime) ExportVolume(ctx context.Context, env release.Environment, name string, w io.Writer) error {
	vol, err := r.Volume(env, name)
	if err != nil {
		return err
	}
	p := &packer{ctx: ctx, root: vol.Path, tar: tar.NewWriter(w), links: map[inode]string{}}
	err = filepath.WalkDir(vol.Path, p.add)
	if err == nil {
		err = p.tar.Close()
	}
	if err != nil {
		return fmt.Errorf("export volume %s of %s: %w", name, env, err)
	}
	return nil
}

// packer writes a folder as a tar archive. containerd's own keeps of all extended attributes only capabilities, and nothing of
// the root.
type packer struct {
	ctx   context.Context
	root  string
	tar   *tar.Writer
	links map[inode]string // where a file with several names was written first
}

type inode struct{ device, number uint64 }

func (p *packer) add(path string, entry fs.DirEntry, err error) error {
	if p.ctx.Err() != nil {
		return context.Cause(p.ctx)
	}
	if errors.Is(err, fs.ErrNotExist) && path != p.root {
		return nil // removed meanwhile
	}
	if err != nil {
		return err
	}
	info, err := entry.Info()
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	if info.Mode().Type() == fs.ModeSocket {
		return nil // who listens makes it again
	}
	header, err := p.header(path, info)
	if err != nil {
		return err
	}
	if header.Typeflag != tar.TypeReg {
		return p.tar.WriteHeader(header)
	}
	return p.file(path, header)
}

func (p *packer) header(path string, info fs.FileInfo) (*tar.Header, error) {
	var link string
	if info.Mode().Type() == fs.ModeSymlink {
		var err error
		if link, err = os.Readlink(path); err != nil {
			return nil, err
		}
	}
	header, err := tarheader.FileInfoHeaderNoLookups(info, link) // names of users are the machine's, not the volume's
	if err != nil {
		return nil, err
	}
	relative, err := filepath.Rel(p.root, path)
	if err != nil {
		return nil, err
	}
	header.Format, header.Name = tar.FormatPAX, "./"+relative
	if relative == "." {
		header.Name = "./"
	} else if info.IsDir() {
		header.Name += "/"
	}
	if stat, ok := info.Sys().(*syscall.Stat_t); ok {
		p.describe(header, info, stat)
	}
	return header, p.attributes(path, header)
}

// describe adds what is the file system's: device numbers, and the other names of a file.
func (p *packer) describe(header *tar.Header, info fs.FileInfo, stat *syscall.Stat_t) {
	if info.Mode()&fs.ModeDevice != 0 {
		header.Devmajor, header.Devminor = int64(unix.Major(stat.Rdev)), int64(unix.Minor(stat.Rdev))
	}
	if !info.Mode().IsRegular() || stat.Nlink < 2 {
		return
	}
	key := inode{stat.Dev, stat.Ino}
	if first, known := p.links[key]; known {
		header.Typeflag, header.Linkname, header.Size = tar.TypeLink, first, 0
		return
	}
	p.links[key] = header.Name
}

func (p *packer) attributes(path string, header *tar.Header) error {
	names, err := sysx.LListxattr(path)
	if errors.Is(err, unix.ENOTSUP) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("list attributes of %s: %w", header.Name, err)
	}
	for _, name := range names {
		value, err := sysx.LGetxattr(path, name)
		if err != nil {
			return fmt.Errorf("read attribute %s of %s: %w", name, header.Name, err)
		}
		if header.PAXRecords == nil {
			header.PAXRecords = map[string]string{}
		}
		header.PAXRecords[xattrRecord+name] = string(value)
	}
	return nil
}

func (p *packer) file(path string, header *tar.Header) error {
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil // removed meanwhile
	}
	if err != nil {
		return err
	}
	defer f.Close()
	if err := p.tar.WriteHeader(header); err != nil {
		return err
	}
	if _, err := io.CopyN(p.tar, f, header.Size); errors.Is(err, io.EOF) {
		return fmt.Errorf("%s became shorter while it was read: stop who writes it", header.Name)
	} else if err != nil {
		return err
	}
	return nil
}
