package main

import (
	"archive/tar"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path"
	"strings"

	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

const certificates = "/etc/ssl/certs/ca-certificates.crt"

const rootPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

// makeDebian makes Debian's minimal system without documentation, as the slim image on Docker Hub, and with certificates.
func makeDebian(ctx context.Context, l *layout, in inputs) error {
	base, err := l.debootstrap(ctx, in.Suite, nil,
		"--variant=minbase", "--include=ca-certificates",
		"--dpkgopt=path-exclude=/usr/share/man/*", "--dpkgopt=path-exclude=/usr/share/locale/*",
		"--dpkgopt=path-exclude=/usr/share/doc/*", "--dpkgopt=path-include=/usr/share/doc/*/copyright")
	if err != nil {
		return fmt.Errorf("make debian: %w", err)
	}
	trust, err := l.addTar(func(w *tar.Writer) error { return writeFile(w, certificates, 0o644, in.Certificates) })
	if err != nil {
		return fmt.Errorf("make debian: %w", err)
	}
	l.debian = []ocispec.Descriptor{base, trust}
	config := ocispec.ImageConfig{Cmd: []string{"bash"}, Env: []string{"PATH=" + rootPath}}
	return l.addImage("docker.io/library/debian", debianTags(in.Suite), config, l.debian...)
}

func debianTags(suite string) []string {
	tags := []string{"latest", suite, suite + "-slim"}
	if number := map[string]string{"bookworm": "12", "trixie": "13"}[suite]; number != "" {
		tags = append(tags, number, number+"-slim")
	}
	return tags
}

// makeBusybox makes an image of the one static binary and a link for each of its applets.
func makeBusybox(ctx context.Context, l *layout, in inputs) error {
	packaging := []string{"boot", "etc/apt", "etc/dpkg", "etc/fstab", "usr/share", "usr/lib", "var/cache", "var/lib", "var/log"}
	layer, err := l.debootstrap(ctx, in.Suite, packaging,
		"--variant=extract", "--include=busybox-static",
		`--extract-hook=chroot "$1" /bin/busybox --install -s /bin`,
		`--extract-hook=install -d -m 0700 "$1/root"`,
		`--extract-hook=install -d -m 1777 "$1/tmp"`,
		`--extract-hook=printf 'root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/home:/bin/false\n' > "$1/etc/passwd"`,
		`--extract-hook=printf 'root:x:0:\nnogroup:x:65534:\n' > "$1/etc/group"`)
	if err != nil {
		return fmt.Errorf("make busybox: %w", err)
	}
	config := ocispec.ImageConfig{Cmd: []string{"sh"}, Env: []string{"PATH=" + rootPath}}
	return l.addImage("docker.io/library/busybox", []string{"latest", "stable"}, config, layer)
}

// debootstrap makes a layer of what mmdebstrap makes with the options, without the paths to drop.
func (l *layout) debootstrap(ctx context.Context, suite string, drop []string, options ...string) (ocispec.Descriptor, error) {
	cmd := exec.CommandContext(ctx, "mmdebstrap", append(options, "--quiet", "--format=tar", suite, "-")...)
	cmd.Env = append(os.Environ(), fmt.Sprintf("SOURCE_DATE_EPOCH=%d", epoch.Unix()))
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		return ocispec.Descriptor{}, err
	}
	if err := cmd.Start(); err != nil {
		return ocispec.Descriptor{}, fmt.Errorf("start mmdebstrap (Debian: apt-get install mmdebstrap): %w", err)
	}
	layer, err := l.addTar(func(w *tar.Writer) error {
		return copyTar(w, out, append(drop, "dev", "proc", "sys", "etc/hostname", "etc/resolv.conf"))
	})
	_, drained := io.Copy(io.Discard, out)
	if ended := cmd.Wait(); ended != nil {
		return ocispec.Descriptor{}, fmt.Errorf("run mmdebstrap: %w", ended)
	}
	return layer, errors.Join(err, drained)
}

// copyTar copies the entries of an archive but for those below the paths to drop, which a container gets from its
// runtime; of these the folder itself stays where it is one of the root's.
func copyTar(w *tar.Writer, archive io.Reader, drop []string) error {
	for r := tar.NewReader(archive); ; {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		h.Name = strings.TrimPrefix(strings.TrimPrefix(h.Name, "./"), "/")
		if h.Name == "" || below(h.Name, drop) {
			continue
		}
		if err := w.WriteHeader(h); err != nil {
			return fmt.Errorf("copy %s: %w", h.Name, err)
		}
		if _, err := io.Copy(w, r); err != nil {
			return fmt.Errorf("copy %s: %w", h.Name, err)
		}
	}
}

func below(name string, paths []string) bool {
	name = path.Clean(name)
	for _, p := range paths {
		if name == p && strings.Contains(p, "/") || strings.HasPrefix(name, p+"/") {
			return true
		}
	}
	return false
}
