package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
)

// lab is where all that is measured stands: one folder, and each of the peers once it has been asked for.
type lab struct {
	o    options
	repo string
	dir  string // short: sockets are in it
	port int    // how many were given away

	ourSite     *site
	theirDocker *docker
	theirBuilds *buildkit
	apps        map[string]*app

	closers []func() error
}

func newLab(ctx context.Context, o options) (*lab, error) {
	if os.Geteuid() != 0 {
		return nil, errors.New("engines and daemons need root")
	}
	repo, err := os.Getwd()
	if err != nil {
		return nil, err
	}
	if _, err := os.Stat(bases(repo)); err != nil {
		return nil, fmt.Errorf("base images are missing; make bases makes them: %w", err)
	}
	if o.seaworthy, err = filepath.Abs(o.seaworthy); err != nil {
		return nil, err
	}
	if _, err := os.Stat(o.seaworthy); err != nil {
		return nil, fmt.Errorf("seaworthy is missing; make build makes it: %w", err)
	}
	// All of it: what runs here is not only Seaworthy's, and traffic has to be forwarded for each.
	if err := os.WriteFile("/proc/sys/net/ipv4/ip_forward", []byte("1"), 0o644); err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "swb")
	if err != nil {
		return nil, err
	}
	if err := os.Chmod(dir, 0o755); err != nil { // replicas that are not root have their files in it
		return nil, err
	}
	l := &lab{o: o, repo: repo, dir: dir, apps: map[string]*app{}}
	l.say("in %s", dir)
	return l, ctx.Err()
}

func bases(repo string) string { return filepath.Join(repo, ".cache", "bases") }

// say tells what is going on. Results alone go to standard output.
func (l *lab) say(format string, args ...any) { fmt.Fprintf(os.Stderr, "bench: "+format+"\n", args...) }

// rounds is how often a measure is taken.
func (l *lab) rounds(usual int) int {
	if l.o.rounds > 0 {
		return l.o.rounds
	}
	return usual
}

// later is done when all has been measured, the last first.
func (l *lab) later(f func() error) { l.closers = append(l.closers, f) }

func (l *lab) close() error {
	var errs []error
	for _, f := range slices.Backward(l.closers) {
		errs = append(errs, f())
	}
	if !l.o.keep {
		errs = append(errs, os.RemoveAll(l.dir))
	}
	return errors.Join(errs...)
}

// folder makes a folder in the lab.
func (l *lab) folder(name string) (string, error) {
	path := filepath.Join(l.dir, name)
	return path, os.MkdirAll(path, 0o755)
}

// need says what is missing of the programs.
func need(programs ...string) error {
	var errs []error
	for _, p := range programs {
		if _, err := exec.LookPath(p); err != nil {
			errs = append(errs, fmt.Errorf("%w; make bench installs it", err))
		}
	}
	return errors.Join(errs...)
}
