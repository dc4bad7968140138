// Package registry brings images in, by digest: from registries, from mirrors of them, and from OCI image layouts on
// disk that stand in for a registry. It owns names, mirrors and credentials, and says what was asked when nothing had
// the image. It knows nothing of builds, services or environments.
package registry

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/containerd/containerd/v2/core/remotes/docker"
	"github.com/containerd/containerd/v2/core/remotes/docker/config"
	"github.com/distribution/reference"

	"github.com/seaworthyhq/seaworthy/internal/release"
)

// Config says where images are asked for. Its zero value asks each registry itself.
type Config struct {
	// Mirrors has, by registry ("docker.io", "ghcr.io", "registry.example.com:5000"), what is asked before the registry,
	// in this order: the URL of a mirror, or the absolute path of a folder with an OCI image layout, whose images carry
	// their whole name in the annotation io.containerd.image.name or org.opencontainers.image.ref.name.
	Mirrors map[string][]string
	// HostDir is a folder as containerd's certs.d: HostDir/REGISTRY/hosts.toml
	// (https://github.com/containerd/containerd/blob/main/docs/hosts.md). Empty: none.
	HostDir string
	// Credentials for a host; both empty means anonymous, an empty username means that the secret is a token.
	// Nil: DockerCredentials.
	Credentials Credentials
	// Settings is the file that names mirrors, for hints; empty: it has no name.
	Settings string
}

// Credentials answers with what a host is to be told.
type Credentials func(host string) (username, secret string, err error)

// Registry asks registries and their mirrors.
type Registry struct {
	mirrors     map[string][]source
	credentials Credentials
	upstream    docker.RegistryHosts
	settings    string
}

// source is something that may have an image, and what people call it.
type source struct {
	docker.RegistryHost
	name string
}

// New checks the configuration and contacts nobody.
func New(cfg Config) (*Registry, error) {
	r := &Registry{mirrors: map[string][]source{}, credentials: cfg.Credentials, settings: cmp.Or(cfg.Settings, "the engine's settings")}
	if r.credentials == nil {
		r.credentials = DockerCredentials
	}
	options := config.HostOptions{Credentials: r.credentials}
	if cfg.HostDir != "" {
		options.HostDir = config.HostDirFromRoot(cfg.HostDir)
	}
	r.upstream = config.ConfigureHosts(context.Background(), options) // the context is for its log lines only
	for _, host := range slices.Sorted(maps.Keys(cfg.Mirrors)) {
		for _, mirror := range cfg.Mirrors[host] {
			src, err := r.openMirror(mirror)
			if err != nil {
				return nil, &release.UserError{
					Kind: release.KindUsage, Err: fmt.Errorf("mirror %s of %s: %w", mirror, host, err),
					Hint: "a mirror is a URL (https://mirror.example.com) or the absolute path of an OCI image layout",
				}
			}
			r.mirrors[host] = append(r.mirrors[host], src)
		}
	}
	return r, nil
}

// Hosts is what BuildKit and containerd ask for the hosts of a registry: its mirrors, then the registry itself.
func (r *Registry) Hosts() docker.RegistryHosts {
	return func(host string) ([]docker.RegistryHost, error) {
		sources, err := r.sources(host)
		if err != nil {
			return nil, err
		}
		hosts := make([]docker.RegistryHost, len(sources))
		for i, s := range sources {
			hosts[i] = s.RegistryHost
		}
		return hosts, nil
	}
}

func (r *Registry) sources(host string) ([]source, error) {
	upstream, err := r.upstream(host)
	if err != nil {
		return nil, fmt.Errorf("read hosts of registry %s: %w", host, err)
	}
	sources := slices.Clone(r.mirrors[host])
	for _, h := range upstream {
		sources = append(sources, source{RegistryHost: h, name: h.Host})
	}
	return sources, nil
}

// parse reads a name as Docker does: "golang" is docker.io/library/golang:latest, and a digest makes a tag beside it idle.
func parse(ref string) (reference.Named, error) {
	named, err := reference.ParseDockerRef(ref)
	if err != nil {
		return nil, &release.UserError{
			Kind: release.KindProject, Err: fmt.Errorf("image name %q: %w", ref, err),
			Hint: "a name looks like postgres:17 or registry.example.com/team/app:1.2",
		}
	}
	return named, nil
}
