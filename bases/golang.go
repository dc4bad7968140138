package main

import (
	"archive/tar"
	"context"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

// makeGolang puts this machine's toolchain on Debian, laid out as the image on Docker Hub; without its C compiler and git.
func makeGolang(_ context.Context, l *layout, in inputs) error {
	toolchain, err := l.addTar(func(w *tar.Writer) error {
		if err := writeTree(w, in.GoRoot, "usr/local/go", isToolchain); err != nil {
			return err
		}
		for _, dir := range []string{"go", "go/bin", "go/src"} {
			if err := writeDir(w, dir, 0o777); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("make golang: %w", err)
	}
	config := ocispec.ImageConfig{Cmd: []string{"bash"}, WorkingDir: "/go", Env: []string{
		"PATH=/go/bin:/usr/local/go/bin:" + rootPath,
		"GOLANG_VERSION=" + strings.TrimPrefix(in.GoVersion, "go"),
		"GOTOOLCHAIN=local",
		"GOPATH=/go",
	}}
	for _, name := range slices.Sorted(maps.Keys(in.GoEnv)) {
		config.Env = append(config.Env, name+"="+in.GoEnv[name])
	}
	return l.addImage("docker.io/library/golang", in.goTags(), config, append(slices.Clone(l.debian), toolchain)...)
}

// isToolchain tells what a build needs from what only those who work on Go itself need.
func isToolchain(name string) bool {
	top, _, _ := strings.Cut(name, "/")
	if slices.Contains([]string{"api", "doc", "misc", "test"}, top) {
		return false
	}
	return !strings.HasSuffix(name, "_test.go") && !slices.Contains(strings.Split(name, "/"), "testdata")
}

// writeTree writes the files of a folder that keep picks, in the order of their names, owned by root.
func writeTree(w *tar.Writer, root, target string, keep func(name string) bool) error {
	return filepath.WalkDir(root, func(file string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name, err := filepath.Rel(root, file)
		if err != nil {
			return err
		}
		switch {
		case !keep(name) && d.IsDir():
			return fs.SkipDir
		case !keep(name):
			return nil
		case d.IsDir():
			return writeDir(w, path.Join(target, name), 0o755)
		case d.Type().IsRegular():
			return copyFile(w, file, path.Join(target, name))
		default:
			return nil // a toolchain has neither links nor devices
		}
	})
}

func copyFile(w *tar.Writer, file, target string) error {
	f, err := os.Open(file)
	if err != nil {
		return err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return err
	}
	mode := int64(0o644)
	if info.Mode()&0o100 != 0 {
		mode = 0o755
	}
	h := &tar.Header{Typeflag: tar.TypeReg, Name: target, Mode: mode, Size: info.Size(), ModTime: epoch}
	if err := w.WriteHeader(h); err != nil {
		return err
	}
	_, err = io.Copy(w, f)
	return err
}
