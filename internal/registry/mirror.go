package registry

import (
	"errors"
	"net/http"
	"net/url"
	"path"
	"path/filepath"
	"strings"

	"github.com/containerd/containerd/v2/core/remotes/docker"
)

// mirrorCapabilities: who sets a mirror trusts it to say what a tag stands for, and never pushes to it.
const mirrorCapabilities = docker.HostCapabilityPull | docker.HostCapabilityResolve

func (r *Registry) openMirror(mirror string) (source, error) {
	if filepath.IsAbs(mirror) {
		return layoutMirror(filepath.Clean(mirror)), nil
	}
	u, err := url.Parse(mirror)
	if err != nil {
		return source{}, err
	}
	if u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return source{}, errors.New("neither a URL nor an absolute path")
	}
	return r.urlMirror(u), nil
}

func (r *Registry) urlMirror(u *url.URL) source {
	client := &http.Client{Transport: docker.DefaultHTTPTransport(nil)}
	return source{name: u.Redacted(), RegistryHost: docker.RegistryHost{
		Client:       client,
		Authorizer:   docker.NewDockerAuthorizer(docker.WithAuthClient(client), docker.WithAuthCreds(r.credentials)),
		Scheme:       u.Scheme,
		Host:         u.Host,
		Path:         path.Join("/", strings.TrimSuffix(u.Path, "/v2"), "v2"),
		Capabilities: mirrorCapabilities,
	}}
}

// layoutMirror is a host whose client reads the folder itself: no port is opened and no process started. The client
// goes to the network for every other scheme, since BuildKit asks for the tokens of all hosts with the first one's.
func layoutMirror(dir string) source {
	transport := docker.DefaultHTTPTransport(nil)
	transport.RegisterProtocol(layoutScheme, newLayoutTransport(dir))
	return source{name: dir, RegistryHost: docker.RegistryHost{
		Client:       &http.Client{Transport: transport},
		Scheme:       layoutScheme,
		Host:         "mirror",
		Path:         "/v2",
		Capabilities: mirrorCapabilities,
	}}
}
