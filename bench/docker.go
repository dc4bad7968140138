package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// docker is Debian's Docker Engine, started by hand with state of its own.
type docker struct {
	lab        *lab
	dir        string
	socket     string
	containerd *daemon
	dockerd    *daemon
	loaded     bool
}

// Debian's programs, by their paths: another Docker may come first in PATH.
const (
	dockerClient     = "/usr/bin/docker"
	dockerDaemon     = "/usr/sbin/dockerd"
	containerdDaemon = "/usr/bin/containerd"
)

// docker starts containerd and dockerd, once.
func (l *lab) docker(ctx context.Context) (*docker, error) {
	if l.theirDocker != nil {
		return l.theirDocker, nil
	}
	if err := need(dockerClient, dockerDaemon, containerdDaemon); err != nil {
		return nil, err
	}
	if err := noOtherDocker(); err != nil {
		return nil, err
	}
	dir, err := l.folder("d")
	if err != nil {
		return nil, err
	}
	d := &docker{lab: l, dir: dir, socket: filepath.Join(dir, "docker.sock")}
	// Without what serves Kubernetes: Docker needs none of it, and it would count against it.
	config := "version = 2\ndisabled_plugins = [\"io.containerd.grpc.v1.cri\"]\n"
	if err := os.WriteFile(filepath.Join(dir, "containerd.toml"), []byte(config), 0o644); err != nil {
		return nil, err
	}
	l.theirDocker = d
	l.later(d.remove)
	return d, d.start(ctx)
}

// start starts both daemons and returns when Docker answers.
func (d *docker) start(ctx context.Context) (err error) {
	path := func(name string) string { return filepath.Join(d.dir, name) }
	d.containerd, err = startDaemon(d.dir, "containerd", containerdDaemon, "--config", path("containerd.toml"),
		"--root", path("containerd"), "--state", path("containerd-state"), "--address", path("containerd.sock"))
	if err != nil {
		return err
	}
	err = d.containerd.ready(ctx, func() error { return dial(path("containerd.sock")) })
	if err != nil {
		return err
	}
	d.dockerd, err = startDaemon(d.dir, "dockerd", dockerDaemon, "--containerd", path("containerd.sock"), "--data-root", path("data"),
		"--exec-root", path("exec"), "--host", "unix://"+d.socket, "--pidfile", path("dockerd.pid"), "--bip", dockerSubnet)
	if err != nil {
		return err
	}
	client := d.api()
	return d.dockerd.ready(ctx, func() error {
		resp, err := client.Get("http://docker/_ping")
		if err != nil {
			return err
		}
		return resp.Body.Close()
	})
}

func dial(socket string) error {
	conn, err := net.Dial("unix", socket)
	if err != nil {
		return err
	}
	return conn.Close()
}

func (d *docker) api() *http.Client {
	return &http.Client{Transport: &http.Transport{
		DisableKeepAlives: true,
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "unix", d.socket)
		},
	}}
}

func (d *docker) stop() error {
	var errs []error
	for _, p := range []*daemon{d.dockerd, d.containerd} {
		if p != nil {
			errs = append(errs, p.stop())
		}
	}
	d.dockerd, d.containerd = nil, nil
	return errors.Join(errs...)
}

// remove ends all that Docker runs, and takes its bridge and its firewall rules from the machine.
func (d *docker) remove() error {
	ctx := context.Background()
	var errs []error
	if d.dockerd != nil {
		ids, err := output(d.command(ctx, "ps", "--all", "--quiet"))
		errs = append(errs, err)
		for _, id := range strings.Fields(ids) {
			_, err := output(d.command(ctx, "rm", "--force", "--volumes", id))
			errs = append(errs, err)
		}
	}
	return errors.Join(append(errs, d.stop(), removeDockerNetwork())...)
}

func (d *docker) command(ctx context.Context, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, dockerClient, args...)
	cmd.Env = append(os.Environ(), "DOCKER_HOST=unix://"+d.socket, "DOCKER_BUILDKIT=1", "DOCKER_CONFIG="+filepath.Join(d.dir, "config"))
	return cmd
}

// build builds a target of the application's Dockerfile; empty: the last stage.
func (d *docker) build(ctx context.Context, a *app, target string) error {
	args := []string{"build", "--tag", d.image(a), a.dir}
	if target != "" {
		args = []string{"build", "--target", target, a.dir}
	}
	_, err := output(d.command(ctx, args...))
	return err
}

func (d *docker) image(a *app) string { return "bench/" + filepath.Base(a.dir) }

// replace does what one does by hand: the old container goes, the new one comes.
func (d *docker) replace(ctx context.Context, a *app) error {
	id := filepath.Base(a.dir)
	if _, err := output(d.command(ctx, "rm", "--force", id)); err != nil {
		return err
	}
	return d.runContainer(ctx, a)
}

func (d *docker) runContainer(ctx context.Context, a *app) error {
	id := filepath.Base(a.dir)
	_, err := output(d.command(ctx, "run", "--detach", "--name", id, "--volume", id+":/data",
		"--publish", fmt.Sprintf("%d:8080", a.port), d.image(a)))
	return err
}

// serve loads the base image and brings an application up, so that what is measured next finds everything built.
func (d *docker) serve(ctx context.Context, a *app) error {
	if !d.loaded {
		d.lab.say("docker load %s", baseImage)
		archive := filepath.Join(d.dir, "base.tar")
		if err := d.lab.archive(archive); err != nil {
			return err
		}
		if _, err := output(d.command(ctx, "load", "--input", archive)); err != nil {
			return err
		}
		d.loaded = true
	}
	d.lab.say("docker build and run in %s", filepath.Base(a.dir))
	if err := d.build(ctx, a, ""); err != nil {
		return err
	}
	if err := d.runContainer(ctx, a); err != nil {
		return err
	}
	return answers(ctx, a.url("healthz"), "")
}

// shims stand beside containers.
func (d *docker) shims() []int {
	return processesWith("containerd-shim-runc-v2", filepath.Join(d.dir, "containerd.sock"))
}
