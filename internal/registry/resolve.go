package registry

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"

	"github.com/containerd/containerd/v2/core/remotes/docker"
	remoteserrors "github.com/containerd/containerd/v2/core/remotes/errors"
	"github.com/containerd/errdefs"
	"github.com/containerd/platforms"
	"github.com/distribution/reference"

	"github.com/seaworthyhq/seaworthy/internal/release"
)

// Resolve says what a name stands for now. The digest is the one that the registry gives the tag, an index's where the
// image is made for several platforms: the same on every machine, and what other tools show. It asks the sources one
// after the other; where none has the image, the error is a *release.UserError that says what each has answered.
func (r *Registry) Resolve(ctx context.Context, ref string) (release.Image, error) {
	named, err := parse(ref)
	if err != nil {
		return release.Image{}, err
	}
	sources, err := r.sources(reference.Domain(named))
	if err != nil {
		return release.Image{}, err
	}
	failure := &unavailable{name: reference.FamiliarString(named), settings: r.settings}
	for _, s := range sources {
		if !s.Capabilities.Has(mirrorCapabilities) {
			continue
		}
		dgst, err := s.resolve(ctx, named)
		if err == nil {
			return release.Image{Digest: dgst, Ref: reference.FamiliarString(named), Platform: platforms.DefaultString()}, nil
		}
		if ctx.Err() != nil {
			return release.Image{}, fmt.Errorf("resolve image %s: %w", failure.name, context.Cause(ctx))
		}
		failure.answers = append(failure.answers, answer{source: s, err: err})
	}
	return release.Image{}, failure.userError()
}

func (s source) resolve(ctx context.Context, named reference.Named) (release.Digest, error) {
	only := func(string) ([]docker.RegistryHost, error) { return []docker.RegistryHost{s.RegistryHost}, nil }
	_, desc, err := docker.NewResolver(docker.ResolverOptions{Hosts: only}).Resolve(ctx, named.String())
	return release.Digest(desc.Digest), err
}

// unavailable is an image that no source has given, and why.
type unavailable struct {
	name     string
	answers  []answer
	settings string // the file that names mirrors
}

type answer struct {
	source
	err error
}

func (u *unavailable) userError() *release.UserError {
	e := &release.UserError{Kind: release.KindNotFound, Detail: u.detail()}
	switch {
	case u.any(denied):
		e.Kind = release.KindDenied
		e.Err = fmt.Errorf("image %s: access denied, or there is no such image", u.name)
		e.Hint = "docker login " + u.deniedHost() + "   (Seaworthy uses the credentials that it keeps)"
	case u.any(unreachable):
		e.Err = fmt.Errorf("image %s: the registry cannot be reached", u.name)
		if u.any(errdefs.IsNotFound) { // a mirror may be without it, and the registry not
			e.Err = fmt.Errorf("image %s: not found, and %s cannot be reached", u.name, strings.Join(u.unreached(), ", "))
		}
		e.Hint = "check the name and the tag, and the network; or set a mirror that has the image in " + u.settings + " (docs/engine.md)"
	case u.all(errdefs.IsNotFound):
		e.Err = fmt.Errorf("image %s: there is no such image", u.name)
		e.Hint = "check the name and the tag where the Dockerfile or the compose file has them"
	default:
		e.Err = fmt.Errorf("image %s: no registry has given it", u.name)
		e.Hint = "run the command again; where it stays so, the answers below are the registry's"
	}
	return e
}

// unreached are the sources that gave no answer.
func (u *unavailable) unreached() (names []string) {
	for _, a := range u.answers {
		if unreachable(a.err) {
			names = append(names, a.name)
		}
	}
	return names
}

// detail has a line for each source that was asked.
func (u *unavailable) detail() string {
	lines := make([]string, len(u.answers))
	for i, a := range u.answers {
		lines[i] = "asked " + a.name + ": " + a.text()
	}
	return strings.Join(lines, "\n")
}

func (u *unavailable) any(is func(error) bool) bool {
	for _, a := range u.answers {
		if is(a.err) {
			return true
		}
	}
	return false
}

func (u *unavailable) all(is func(error) bool) bool {
	for _, a := range u.answers {
		if !is(a.err) {
			return false
		}
	}
	return true
}

func (u *unavailable) deniedHost() string {
	for _, a := range u.answers {
		if denied(a.err) && a.Host != "registry-1.docker.io" {
			return a.Host
		}
	}
	return ""
}

// text is the innermost reason: what wraps it are URLs and verbs that the line's beginning says already.
func (a answer) text() string {
	if errdefs.IsNotFound(a.err) {
		return "it is not there"
	}
	err := a.err
	for inner := errors.Unwrap(err); inner != nil && !isNetwork(err); inner = errors.Unwrap(err) {
		err = inner
	}
	return err.Error()
}

func isNetwork(err error) bool {
	switch err.(type) { //nolint:errorlint // which error of the chain it is, is the question
	case *net.OpError, *net.DNSError:
		return true
	}
	return false
}

func unreachable(err error) bool {
	var n net.Error
	return errors.As(err, &n)
}

func denied(err error) bool {
	if errors.Is(err, docker.ErrInvalidAuthorization) {
		return true
	}
	s, ok := errors.AsType[remoteserrors.ErrUnexpectedStatus](err)
	return ok && (s.StatusCode == http.StatusUnauthorized || s.StatusCode == http.StatusForbidden)
}
