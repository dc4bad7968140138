// Command bases makes the base images that the demo and the tests build on, for machines that reach no public image
// registry: Debian, Go and busybox, from Debian's packages and this machine's Go toolchain. It leaves an OCI image layout
// that the engine takes as a mirror of docker.io (docs/engine.md). With a registry in reach nobody needs it.
//
//	go run ./bases [-layout .cache/bases] [-suite bookworm]
//
// It works once: a layout whose inputs have not changed is left as it is.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"os/signal"
	"path/filepath"

	"golang.org/x/sys/unix"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, unix.SIGTERM)
	defer stop()
	dir := flag.String("layout", ".cache/bases", "folder of the OCI image layout")
	suite := flag.String("suite", "bookworm", "Debian suite")
	flag.Parse()
	if err := run(ctx, *dir, *suite); err != nil {
		fmt.Fprintln(os.Stderr, "bases:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, dir, suite string) error {
	in, err := readInputs(ctx, suite)
	if err != nil {
		return err
	}
	unlock, err := lock(dir)
	if err != nil {
		return err
	}
	defer unlock()

	if made, _ := os.ReadFile(filepath.Join(dir, keyFile)); string(made) == in.key() {
		fmt.Printf("bases: %s is there already\n", dir)
		return nil
	}
	fmt.Printf("bases: making Debian %s, %s and busybox, about half a minute\n", suite, in.GoVersion)
	fresh, err := os.MkdirTemp(filepath.Dir(dir), filepath.Base(dir)+".new-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(fresh)
	if err := build(ctx, fresh, in); err != nil {
		return err
	}
	if err := publish(fresh, dir); err != nil {
		return fmt.Errorf("publish layout %s: %w", dir, err)
	}
	fmt.Printf("bases: made %s\n", dir)
	return nil
}

// build makes all images in the folder and, last, writes down what they were made from.
func build(ctx context.Context, dir string, in inputs) error {
	l, err := createLayout(dir)
	if err != nil {
		return err
	}
	for _, image := range []func(context.Context, *layout, inputs) error{makeDebian, makeGolang, makeBusybox} {
		if err := image(ctx, l, in); err != nil {
			return err
		}
	}
	if err := l.writeIndex(); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, keyFile), []byte(in.key()), 0o644)
}

// publish puts the fresh layout in the place of the one before, which a running engine may be reading: it finds one
// or the other whole, or for a moment none, and then asks its next mirror.
func publish(fresh, dir string) error {
	if err := os.Chmod(fresh, 0o755); err != nil {
		return err
	}
	old := fresh + ".old"
	if err := os.Rename(dir, old); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	defer os.RemoveAll(old)
	return os.Rename(fresh, dir)
}

// lock lets one process at a time make the layout; others wait and then find it made.
func lock(dir string) (unlock func(), err error) {
	if err := os.MkdirAll(filepath.Dir(dir), 0o755); err != nil {
		return nil, err
	}
	f, err := os.OpenFile(dir+".lock", os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return nil, err
	}
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX); err != nil {
		f.Close()
		return nil, fmt.Errorf("lock %s: %w", f.Name(), err)
	}
	return func() { f.Close() }, nil
}
