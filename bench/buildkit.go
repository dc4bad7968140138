package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
)

// buildkit is BuildKit's own daemon, at the version that Seaworthy embeds.
type buildkit struct {
	lab     *lab
	address string
	client  string
}

// buildkit builds and starts buildkitd, once.
func (l *lab) buildkit(ctx context.Context) (*buildkit, error) {
	if l.theirBuilds != nil {
		return l.theirBuilds, nil
	}
	dir, err := l.folder("k")
	if err != nil {
		return nil, err
	}
	bin := filepath.Join(l.repo, ".cache", "bench")
	if err := l.buildBuildKit(ctx, bin); err != nil {
		return nil, err
	}
	mirror, err := l.mirror()
	if err != nil {
		return nil, err
	}
	b := &buildkit{lab: l, address: "unix://" + filepath.Join(dir, "sock"), client: filepath.Join(bin, "buildctl")}
	config := fmt.Sprintf("[registry.\"docker.io\"]\n  mirrors = [%[1]q]\n[registry.%[1]q]\n  http = true\n[worker.containerd]\n  enabled = false\n", mirror)
	file := filepath.Join(dir, "buildkitd.toml")
	if err := os.WriteFile(file, []byte(config), 0o644); err != nil {
		return nil, err
	}
	d, err := startDaemon(dir, "buildkitd", filepath.Join(bin, "buildkitd"), "--config", file, "--root", filepath.Join(dir, "root"), "--addr", b.address)
	if err != nil {
		return nil, err
	}
	l.later(d.stop)
	l.theirBuilds = b
	return b, d.ready(ctx, func() error {
		_, err := output(exec.CommandContext(ctx, b.client, "--addr", b.address, "debug", "workers"))
		return err
	})
}

func (l *lab) buildBuildKit(ctx context.Context, dir string) error {
	l.say("go build buildkitd and buildctl")
	cmd := exec.CommandContext(ctx, "go", "build", "-o", dir+"/", "github.com/moby/buildkit/cmd/buildkitd", "github.com/moby/buildkit/cmd/buildctl")
	cmd.Dir = filepath.Join(l.repo, "bench", "peers")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	_, err := output(cmd)
	return err
}

// build builds the last stage, and exports nothing.
func (b *buildkit) build(ctx context.Context, a *app) error {
	_, err := output(exec.CommandContext(ctx, b.client, "--addr", b.address, "build", "--frontend", "dockerfile.v0",
		"--local", "context="+a.dir, "--local", "dockerfile="+a.dir))
	return err
}
