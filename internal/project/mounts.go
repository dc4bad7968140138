package project

import (
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/compose-spec/compose-go/v2/types"
	"github.com/docker/go-units"

	"github.com/seaworthyhq/seaworthy/internal/plainfile"
	"github.com/seaworthyhq/seaworthy/internal/release"
)

// Limits of a read-only folder that a release carries. What is larger is bound from the host.
const (
	maxFolderFiles = 1000
	maxFolderBytes = 16 << 20
)

// mounts sets what the service has mounted: Mounts, and Files for read-only content of the project.
func (c *converter) mounts(s types.ServiceConfig, out *release.Service) {
	for _, v := range s.Volumes {
		switch v.Type {
		case types.VolumeTypeVolume:
			c.volume(s, v, out)
		case types.VolumeTypeBind:
			c.bind(s, v, out)
		case types.VolumeTypeTmpfs:
			m := release.Mount{Kind: release.MountTmpfs, Target: v.Target, ReadOnly: v.ReadOnly}
			if v.Tmpfs != nil {
				m.Size, m.Mode = int64(v.Tmpfs.Size), v.Tmpfs.Mode
			}
			out.Mounts = append(out.Mounts, m)
		}
	}
	for _, t := range s.Tmpfs {
		out.Mounts = append(out.Mounts, c.tmpfs(s.Name, t))
	}
	c.checkTargets(out)
}

// bind takes read-only content of the project into the release; anything else is bound from the host.
func (c *converter) bind(s types.ServiceConfig, v types.ServiceVolumeConfig, out *release.Service) {
	at := func(message, hint string) Problem {
		return c.item(servicePath(s.Name, "volumes"), v.Target, message, hint)
	}
	source := filepath.Clean(v.Source)
	leads := source // where links lead to
	if resolved, err := filepath.EvalSymlinks(source); err == nil {
		leads = resolved
	}
	if holdsEngine(source) || holdsEngine(leads) {
		c.add(at(fmt.Sprintf("%s is refused: it would hand the host over", source), "remove it; what it is for has to be done by the engine, not by a replica"))
		return
	}
	inside := relative(c.dir, source) != source && source != c.dir
	if message := c.astray(source); message != "" && v.ReadOnly {
		c.add(at(message, astrayHint))
		return
	}
	info, err := os.Stat(source)
	if err != nil && (inside && v.ReadOnly || v.Bind != nil && !bool(v.Bind.CreateHostPath)) {
		c.add(at(fmt.Sprintf("%s: there is no such file", relative(c.dir, source)), "make it, or correct the path"))
		return
	}
	if err == nil && inside && v.ReadOnly {
		files, why := c.carry(source, v.Target, info)
		if why == "" {
			out.Files = append(out.Files, files...)
			return
		}
		c.warn(at(fmt.Sprintf("%s is bound from the host: %s", relative(c.dir, source), why), "the release does not carry it: make it smaller, or copy it into the image"))
	} else {
		c.warn(at(fmt.Sprintf("%s is a path of the host: it is neither carried with the release nor backed up", relative(c.dir, source)), "use a named volume for data; a file of the project that is mounted read-only (:ro) is carried"))
	}
	m := release.Mount{Kind: release.MountBind, Source: source, Target: v.Target, ReadOnly: v.ReadOnly}
	if v.Bind != nil {
		m.Propagation = v.Bind.Propagation
	}
	out.Mounts = append(out.Mounts, m)
}

// astray says of a path of the project that links take it out of there; empty: they do not. What lies outside has to be named:
// otherwise nobody sees that it is handed over.
func (c *composeFiles) astray(path string) string {
	dir, err := filepath.EvalSymlinks(c.dir)
	if err != nil || relative(c.dir, path) == path {
		return ""
	}
	to, err := filepath.EvalSymlinks(path)
	if err != nil || relative(dir, to) != to {
		return ""
	}
	return fmt.Sprintf("%s leads out of the project, to %s", relative(c.dir, path), to)
}

const astrayHint = "name that path itself, or copy the file into the project"

// holdsEngine reports whether a path is, or has in it, a socket that commands a container engine.
func holdsEngine(p string) bool {
	switch p {
	case "/", "/run", "/var/run", "/run/docker", "/run/containerd", "/run/podman", "/run/crio", "/run/seaworthy",
		"/var/run/docker", "/var/run/containerd", "/var/run/podman", "/var/run/crio", "/var/run/seaworthy",
		"/var", "/var/lib", "/var/lib/docker", "/var/lib/containerd", "/var/lib/seaworthy":
		return true
	}
	if path.Ext(p) != ".sock" {
		return false
	}
	return slices.ContainsFunc([]string{"docker", "containerd", "podman", "crio", "buildkit", "seaworthy"}, func(name string) bool {
		return strings.Contains(p, name)
	})
}

// carry lists the files of the release at a place of the project, or says why they cannot be.
func (c *converter) carry(source, target string, info fs.FileInfo) (files []release.File, why string) {
	if info.Mode().IsRegular() {
		f, err := c.file(source, target)
		if err != nil {
			return nil, reason(err)
		}
		return []release.File{f}, ""
	}
	if !info.IsDir() {
		return nil, "it is neither a file nor a folder"
	}
	var size int64
	err := filepath.WalkDir(source, func(p string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		if !d.Type().IsRegular() {
			return fmt.Errorf("%s is not a regular file", relative(c.dir, p))
		}
		rel, _ := filepath.Rel(source, p)
		f, err := c.file(p, path.Join(target, filepath.ToSlash(rel)))
		if err != nil {
			return err
		}
		files = append(files, f)
		if size += f.Size; size > maxFolderBytes || len(files) > maxFolderFiles {
			return fmt.Errorf("it holds more than %d files or %s", maxFolderFiles, units.BytesSize(maxFolderBytes))
		}
		return nil
	})
	switch {
	case err != nil:
		return nil, reason(err)
	case len(files) == 0:
		return nil, "it is empty"
	}
	return files, ""
}

// file takes a file's content. Its permissions stay, but nobody can write it.
func (c *converter) file(source, target string) (release.File, error) {
	info, err := os.Stat(source)
	if err != nil {
		return release.File{}, err
	}
	if info.Size() > maxFolderBytes {
		return release.File{}, fmt.Errorf("it is larger than %s", units.BytesSize(maxFolderBytes))
	}
	b, err := plainfile.Read(source)
	if err != nil {
		return release.File{}, err
	}
	f := release.File{Target: target, Digest: release.DigestOf(b), Size: int64(len(b)), Mode: uint32(info.Mode().Perm() &^ 0o222)}
	c.contents[f.Digest], c.sources[source] = content{path: source}, true
	return f, nil
}

// tmpfs takes "/run", "/run:size=64m,mode=1777".
func (c *converter) tmpfs(service, written string) release.Mount {
	target, options, _ := strings.Cut(written, ":")
	m := release.Mount{Kind: release.MountTmpfs, Target: path.Clean(target)}
	for option := range strings.SplitSeq(options, ",") {
		name, value, _ := strings.Cut(option, "=")
		var err error
		switch name {
		case "", "rw", "noexec", "nosuid", "nodev":
		case "ro":
			m.ReadOnly = true
		case "size":
			m.Size, err = units.RAMInBytes(value)
		case "mode":
			var mode uint64
			mode, err = strconv.ParseUint(value, 8, 32)
			m.Mode = uint32(mode)
		default:
			c.warn(c.item(servicePath(service, "tmpfs"), written, fmt.Sprintf("tmpfs %s is ignored", name), "size, mode and ro can be set"))
		}
		if err != nil {
			c.add(c.item(servicePath(service, "tmpfs"), written, fmt.Sprintf("%s cannot be %q", name, value), "write size=64m, mode=1777"))
		}
	}
	return m
}

// checkTargets reports two things mounted at one place.
func (c *converter) checkTargets(out *release.Service) {
	seen := map[string]bool{}
	check := func(target, key string) {
		if !strings.HasPrefix(target, "/") {
			c.add(c.item(servicePath(out.Name, key), target, fmt.Sprintf("%q is no absolute path", target), "begin it with /"))
		} else if seen[target] {
			c.add(c.item(servicePath(out.Name, key), target, fmt.Sprintf("two things are mounted at %s", target), "remove one of them"))
		}
		seen[target] = true
	}
	for _, m := range out.Mounts {
		key := "volumes"
		if m.Kind == release.MountTmpfs {
			key = "tmpfs"
		}
		check(m.Target, key)
	}
	for _, f := range out.Files {
		check(f.Target, "volumes")
	}
}
