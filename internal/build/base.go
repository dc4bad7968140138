package build

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/containerd/containerd/v2/core/images"
	"github.com/containerd/platforms"
	"github.com/moby/buildkit/client/llb/sourceresolver"
	"github.com/opencontainers/go-digest"

	"github.com/seaworthyhq/seaworthy/internal/release"
)

// pins remembers what tags of base images stood for, until a build pulls: a build with nothing changed neither asks the
// network nor changes its result because a tag moved.
type pins struct{ dir string }

// pin is what a tag stood for, for one platform.
type pin struct {
	Ref    string        `json:"ref"`
	Digest digest.Digest `json:"digest"`
	Config []byte        `json:"config"`
	Asked  time.Time     `json:"asked"`
}

func openPins(dir string) (*pins, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("make folder of pinned bases: %w", err)
	}
	return &pins{dir: dir}, nil
}

func (p *pins) path(key string) string {
	return filepath.Join(p.dir, digest.FromString(key).Encoded()+".json")
}

// get returns nil where nothing usable is pinned: then the registry is asked.
func (p *pins) get(key string) *pin {
	b, err := os.ReadFile(p.path(key))
	if err != nil {
		return nil
	}
	var found pin
	if json.Unmarshal(b, &found) != nil || found.Digest == "" {
		return nil
	}
	return &found
}

func (p *pins) put(key string, v pin) error {
	b, err := json.Marshal(v)
	if err != nil {
		return err
	}
	tmp, err := os.CreateTemp(p.dir, ".pin-*")
	if err != nil {
		return err
	}
	defer os.Remove(tmp.Name())
	if _, err := tmp.Write(b); err != nil {
		return errors.Join(err, tmp.Close())
	}
	if err := tmp.Close(); err != nil {
		return err
	}
	// No fsync: a pin that is lost or torn is asked for again.
	return os.Rename(tmp.Name(), p.path(key))
}

// resolveFunc is how a gateway client resolves an image's config.
type resolveFunc func(ctx context.Context, ref string, opt sourceresolver.Opt) (string, digest.Digest, []byte, error)

// bases resolves the base images of one build, each once for all targets, and keeps account of them.
type bases struct {
	pins   *pins
	local  func(ctx context.Context, ref string) *images.Image // what the store has under that name; nil: nothing
	pull   bool
	whyNot func(ctx context.Context, ref string) error // Config.WhyNot

	mu       sync.Mutex
	resolved map[string]*resolution // by pin key
}

type resolution struct {
	done chan struct{}
	pin
	err error
}

func (b *bases) resolve(ctx context.Context, ref string, opt sourceresolver.Opt, ask resolveFunc) (string, digest.Digest, []byte, error) {
	if opt.OCILayoutOpt != nil {
		return ask(ctx, ref, opt)
	}
	key := pinKey(ref, opt)
	b.mu.Lock()
	r, found := b.resolved[key]
	if !found {
		r = &resolution{done: make(chan struct{})}
		b.resolved[key] = r
	}
	b.mu.Unlock()
	if found {
		select {
		case <-r.done:
		case <-ctx.Done():
			return "", "", nil, context.Cause(ctx)
		}
	} else {
		r.pin, r.err = b.lookUp(ctx, key, ref, opt, ask)
		close(r.done)
	}
	if r.err != nil {
		return "", "", nil, &baseError{ref: ref, err: r.err}
	}
	return r.Ref, r.Digest, r.Config, nil
}

func (b *bases) lookUp(ctx context.Context, key, ref string, opt sourceresolver.Opt, ask resolveFunc) (pin, error) {
	if known := b.pinned(ctx, key, ref); known != nil {
		return *known, nil
	}
	resolved, dgst, config, err := ask(ctx, ref, opt)
	if err != nil {
		return pin{}, b.explained(ctx, ref, err)
	}
	found := pin{Ref: resolved, Digest: dgst, Config: config, Asked: time.Now()}
	if dgst == "" {
		return found, nil
	}
	return found, b.pins.put(key, found)
}

// askAgain is how long it may take to hear why an image is not to be had.
const askAgain = 10 * time.Second

// explained is the error of an image that was not given, by what each source says where that can be heard.
func (b *bases) explained(ctx context.Context, ref string, err error) error {
	if b.whyNot == nil {
		return err
	}
	limited, cancel := context.WithTimeout(ctx, askAgain)
	defer cancel()
	if why, ok := errors.AsType[*release.UserError](b.whyNot(limited, ref)); ok {
		return why
	}
	return err
}

// pinned is what is known of an image without asking for it. An image that the store got under that name since then goes
// before it.
func (b *bases) pinned(ctx context.Context, key, ref string) *pin {
	if b.pull {
		return nil
	}
	known := b.pins.get(key)
	local := b.local(ctx, ref)
	if known == nil || local == nil || local.Target.Digest == known.Digest || local.UpdatedAt.Before(known.Asked) {
		return known
	}
	return nil
}

// used lists what was resolved, by the names that people gave the images.
func (b *bases) used() []release.Base {
	b.mu.Lock()
	defer b.mu.Unlock()
	var all []release.Base
	for _, r := range b.resolved {
		if r.err == nil && r.Digest != "" {
			all = append(all, release.Base{Ref: familiar(r.Ref), Digest: release.Digest(r.Digest)})
		}
	}
	slices.SortFunc(all, func(a, b release.Base) int {
		return strings.Compare(a.Ref+" "+string(a.Digest), b.Ref+" "+string(b.Digest))
	})
	return slices.Compact(all)
}

func pinKey(ref string, opt sourceresolver.Opt) string {
	if opt.ImageOpt != nil && opt.ImageOpt.Platform != nil {
		return ref + " " + platforms.FormatAll(*opt.ImageOpt.Platform)
	}
	return ref + " " + platforms.DefaultString()
}

// baseError is a base image that could not be resolved.
type baseError struct {
	ref string
	err error
}

func (e *baseError) Error() string { return fmt.Sprintf("base image %s: %v", familiar(e.ref), e.err) }
func (e *baseError) Unwrap() error { return e.err }
