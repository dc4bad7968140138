package project

import (
	"cmp"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/compose-spec/compose-go/v2/types"
	"github.com/docker/go-units"
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

func (c *converter) volume(s types.ServiceConfig, v types.ServiceVolumeConfig, out *release.Service) {
	m := release.Mount{Kind: release.MountVolume, Target: v.Target, ReadOnly: v.ReadOnly}
	if v.Volume != nil {
		m.NoCopy, m.SubPath = v.Volume.NoCopy, v.Volume.Subpath
	}
	if v.Source == "" {
		m.Source = anonymousVolume(s.Name, v.Target)
		p := c.item(servicePath(s.Name, "volumes"), v.Target, fmt.Sprintf("%s gets a volume with a name, %s: it is kept and can be found again", v.Target, m.Source), "")
		p.Severity = Info
		c.add(p)
	} else if definition, ok := c.project.Volumes[v.Source]; ok {
		m.Source = c.volumeName(v.Source, definition)
	} else {
		c.reportUnknown(servicePath(s.Name, "volumes"), v.Source, "volume", slices.Sorted(maps.Keys(c.project.Volumes)))
	}
	out.Mounts = append(out.Mounts, m)
}

var notInName = regexp.MustCompile(`[^a-zA-Z0-9_.]+`)

// anonymousVolume is the name of a volume that only has a place: "web-var-lib-data".
func anonymousVolume(service, target string) string {
	return service + "-" + strings.Trim(notInName.ReplaceAllString(target, "-"), "-.")
}

// volumeName is the name that the file gives, or the key; not the one that compose-go adds the project's name to.
func (c *converter) volumeName(key string, v types.VolumeConfig) string {
	if v.Name == "" || v.Name == c.name+"_"+key {
		return key
	}
	return v.Name
}

// volumes are those that services mount, sorted by name.
func (c *converter) volumes() {
	external := map[string]bool{}
	for key, v := range c.project.Volumes {
		external[c.volumeName(key, v)] = bool(v.External)
	}
	used := map[string]bool{}
	for _, s := range c.env.Services {
		for _, m := range s.Mounts {
			if m.Kind == release.MountVolume && m.Source != "" {
				used[m.Source] = true
			}
		}
	}
	for _, name := range slices.Sorted(maps.Keys(used)) {
		c.env.Volumes = append(c.env.Volumes, release.Volume{Name: name, External: external[name]})
	}
}

// bind takes read-only content of the project into the release; anything else is bound from the host.
func (c *converter) bind(s types.ServiceConfig, v types.ServiceVolumeConfig, out *release.Service) {
	at := func(message, hint string) Problem {
		return c.item(servicePath(s.Name, "volumes"), v.Target, message, hint)
	}
	source := filepath.Clean(v.Source)
	if holdsEngine(source) {
		c.add(at(fmt.Sprintf("%s is refused: it would hand the host over", source), "remove it; what it is for has to be done by the engine, not by a replica"))
		return
	}
	inside := relative(c.dir, source) != source && source != c.dir
	info, err := os.Stat(source)
	if err != nil && (inside && v.ReadOnly || v.Bind != nil && !bool(v.Bind.CreateHostPath)) {
		c.add(at(fmt.Sprintf("%s: there is no such file", relative(c.dir, source)), "make it, or correct the path"))
		return
	}
	if err == nil && inside && v.ReadOnly {
		if files, why := c.carry(source, v.Target, info); why == "" {
			out.Files = append(out.Files, files...)
			return
		} else {
			c.warn(at(fmt.Sprintf("%s is bound from the host: %s", relative(c.dir, source), why), "the release does not carry it: make it smaller, or copy it into the image"))
		}
	} else {
		c.warn(at(fmt.Sprintf("%s is a path of the host: it is neither carried with the release nor backed up", relative(c.dir, source)), "use a named volume for data; a file of the project that is mounted read-only (:ro) is carried"))
	}
	m := release.Mount{Kind: release.MountBind, Source: source, Target: v.Target, ReadOnly: v.ReadOnly}
	if v.Bind != nil {
		m.Propagation = v.Bind.Propagation
	}
	out.Mounts = append(out.Mounts, m)
}

// holdsEngine reports whether a path is, or has in it, a socket that commands a container engine.
func holdsEngine(p string) bool {
	switch p {
	case "/", "/run", "/var/run", "/run/docker", "/run/containerd", "/run/podman", "/run/crio", "/run/seaworthy",
		"/var/run/docker", "/var/run/containerd", "/var/run/podman", "/var/run/crio", "/var/run/seaworthy":
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
	b, err := os.ReadFile(source)
	if err != nil {
		return release.File{}, err
	}
	f := release.File{Target: target, Digest: release.DigestOf(b), Size: int64(len(b)), Mode: uint32(info.Mode().Perm() &^ 0o222)}
	c.contents[f.Digest] = content{path: source}
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

// configs puts the contents of configs at their places.
func (c *converter) configs(s types.ServiceConfig, out *release.Service) {
	for _, use := range s.Configs {
		config, ok := c.project.Configs[use.Source]
		if !ok {
			c.reportUnknown(servicePath(s.Name, "configs"), use.Source, "config", slices.Sorted(maps.Keys(c.project.Configs)))
			continue
		}
		target := cmp.Or(use.Target, "/"+use.Source)
		f := release.File{Target: target, UID: use.UID, GID: use.GID, Mode: 0o444}
		if use.Mode != nil {
			f.Mode = uint32(*use.Mode)
		}
		if c.configContent(use.Source, config, &f) {
			out.Files = append(out.Files, f)
		}
	}
}

func (c *converter) configContent(name string, config types.ConfigObjConfig, f *release.File) bool {
	if config.File != "" {
		read, err := c.file(config.File, f.Target)
		if err != nil {
			c.add(c.at(trail{"configs", name, "file"}, fmt.Sprintf("%s cannot be read: %s", relative(c.dir, config.File), reason(err)), "make it, or correct the path"))
			return false
		}
		f.Digest, f.Size = read.Digest, read.Size
		return true
	}
	if _, set := c.lookup(config.Environment); config.Environment != "" && !set {
		c.add(c.at(trail{"configs", name, "environment"}, fmt.Sprintf("the variable %s is not set", config.Environment), "set it in .env"))
		return false
	}
	b := []byte(config.Content)
	f.Digest, f.Size = release.DigestOf(b), int64(len(b))
	c.contents[f.Digest] = content{bytes: b}
	return true
}

// secrets names the secrets and their places. Only the source is checked, no value is read.
func (c *converter) secrets(s types.ServiceConfig, out *release.Service) {
	for _, use := range s.Secrets {
		secret, ok := c.project.Secrets[use.Source]
		if !ok {
			c.reportUnknown(servicePath(s.Name, "secrets"), use.Source, "secret", slices.Sorted(maps.Keys(c.project.Secrets)))
			continue
		}
		c.checkSecret(use.Source, secret)
		target := cmp.Or(use.Target, use.Source)
		if !path.IsAbs(target) {
			target = path.Join("/run/secrets", target)
		}
		r := release.Secret{Name: use.Source, Target: target, UID: use.UID, GID: use.GID, Mode: 0o444}
		if use.Mode != nil {
			r.Mode = uint32(*use.Mode)
		}
		out.Secrets = append(out.Secrets, r)
	}
}

func (c *converter) checkSecret(name string, secret types.SecretConfig) {
	switch {
	case secret.File != "":
		if info, err := os.Stat(secret.File); err != nil || !info.Mode().IsRegular() {
			c.add(c.at(trail{"secrets", name, "file"}, fmt.Sprintf("%s: there is no such file", relative(c.dir, secret.File)), "make it; it should not be in git"))
		}
	case secret.Environment != "":
		if _, set := c.secretVariable(secret.Environment); !set {
			c.add(c.at(trail{"secrets", name, "environment"}, fmt.Sprintf("the variable %s is not set", secret.Environment), "set it in your shell or in .env"))
		}
	}
}

// secretVariable is a variable that a secret may come from: that of the shell in every environment, since a value is handed
// over beside the release and is no part of it.
func (c *composeFiles) secretVariable(name string) (string, bool) {
	if v, ok := c.shell[name]; ok {
		return v, true
	}
	return c.lookup(name)
}
