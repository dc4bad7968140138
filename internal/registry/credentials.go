package registry

import (
	"fmt"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
)

// dockerHub is the name under which `docker login` keeps the credentials of docker.io.
const dockerHub = "index.docker.io"

// DockerCredentials are those of `docker login` on this machine, credential helpers included.
func DockerCredentials(host string) (username, secret string, err error) {
	if host == "registry-1.docker.io" || host == "docker.io" {
		host = dockerHub
	}
	registry, err := name.NewRegistry(host)
	if err != nil {
		return "", "", err
	}
	authenticator, err := authn.DefaultKeychain.Resolve(registry)
	if err != nil {
		return "", "", fmt.Errorf("read credentials for %s: %w", host, err)
	}
	auth, err := authenticator.Authorization()
	if err != nil {
		return "", "", fmt.Errorf("read credentials for %s: %w", host, err)
	}
	if auth.IdentityToken != "" {
		return "", auth.IdentityToken, nil
	}
	return auth.Username, auth.Password, nil
}
