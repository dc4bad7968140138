package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"

	"github.com/seaworthyhq/seaworthy/internal/api"
)

// site is Seaworthy, with a state root and so an engine of its own.
type site struct {
	lab      *lab
	root     string
	settings string
	engine   *daemon
}

// site starts an engine, once.
func (l *lab) site(ctx context.Context) (*site, error) {
	if l.ourSite != nil {
		return l.ourSite, nil
	}
	s := &site{lab: l, root: filepath.Join(l.dir, "s"), settings: filepath.Join(l.dir, "engine.yaml")}
	settings := fmt.Sprintf("mirrors:\n  docker.io: [%q]\n", bases(l.repo))
	if err := os.WriteFile(s.settings, []byte(settings), 0o644); err != nil {
		return nil, err
	}
	l.ourSite = s
	l.later(s.remove)
	return s, s.start(ctx)
}

// start starts the engine and returns when it can build.
func (s *site) start(ctx context.Context) error {
	engine, err := startDaemon(s.lab.dir, "engine", s.lab.o.seaworthy, "engine", "run", "--root", s.root, "--config", s.settings)
	if err != nil {
		return err
	}
	s.engine = engine
	client := api.NewClient(s.root)
	return engine.ready(ctx, func() error { return client.Reach(ctx) })
}

// stop ends engine and edge.
func (s *site) stop() error {
	if s.engine == nil {
		return nil
	}
	edge := s.edge()
	err := s.engine.stop()
	s.engine = nil
	for _, pid := range edge {
		err = errors.Join(err, endProcess(pid))
	}
	return err
}

// edge is the process that holds the sockets, and any that has handed over to it and not ended yet.
func (s *site) edge() []int { return processesWith("edge\x00--dir\x00" + s.root + "/") }

// shims stand beside replicas.
func (s *site) shims() []int {
	return processesWith(filepath.Join(s.root, "bin", "seaworthy-shim"))
}

func endProcess(pid int) error {
	if err := syscall.Kill(pid, syscall.SIGTERM); err != nil && !errors.Is(err, syscall.ESRCH) {
		return fmt.Errorf("end process %d: %w", pid, err)
	}
	return poll(context.Background(), func() error {
		if line, _ := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid)); len(line) > 0 {
			return fmt.Errorf("process %d does not end", pid)
		}
		return nil // it is gone, or only waits for whoever started it
	})
}

// remove takes down what runs, and the engine.
func (s *site) remove() error {
	ctx := context.Background()
	var errs []error
	if s.engine != nil {
		errs = append(errs, s.down(ctx))
	}
	return errors.Join(append(errs, s.stop())...)
}

func (s *site) down(ctx context.Context) error {
	out, err := output(s.command(ctx, "status", "--all", "--json"))
	if err != nil {
		return err
	}
	var running []struct {
		Environment struct{ Project, Name string }
	}
	if err := json.Unmarshal([]byte(out), &running); err != nil {
		return err
	}
	var errs []error
	for _, r := range running {
		_, err := output(s.command(ctx, "down", "-e", r.Environment.Project+"/"+r.Environment.Name, "--volumes", "--yes"))
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

func (s *site) command(ctx context.Context, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, s.lab.o.seaworthy, append([]string{"--root", s.root}, args...)...)
	cmd.Env = append(os.Environ(), "SEAWORTHY_CONFIG="+s.settings)
	cmd.Dir = s.lab.dir
	return cmd
}

// run runs a verb in the application's directory.
func (s *site) run(ctx context.Context, a *app, args ...string) error {
	_, err := output(s.command(ctx, append([]string{"-C", a.dir}, args...)...))
	return err
}

// serve brings an application up, so that what is measured next finds everything built.
func (s *site) serve(ctx context.Context, a *app) error {
	s.lab.say("seaworthy up in %s", filepath.Base(a.dir))
	return s.run(ctx, a, "up")
}

// specOf is what runc was told to run as a replica of the application, while one runs.
func (s *site) specOf(a *app) string {
	found, _ := filepath.Glob(filepath.Join(s.root, "containers", filepath.Base(a.dir)+"-*", "bundle", "config.json"))
	if len(found) == 0 {
		return filepath.Join(s.root, "no replica of "+filepath.Base(a.dir))
	}
	return found[0]
}
