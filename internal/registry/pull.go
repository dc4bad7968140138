package registry

import (
	"context"
	"fmt"
	"time"

	containerd "github.com/containerd/containerd/v2/client"
	"github.com/containerd/containerd/v2/core/remotes/docker"
	"github.com/containerd/errdefs"
	"github.com/containerd/platforms"
	"github.com/distribution/reference"
	"github.com/dustin/go-humanize"

	"github.com/seaworthyhq/seaworthy/internal/event"
	"github.com/seaworthyhq/seaworthy/internal/release"
	"github.com/seaworthyhq/seaworthy/internal/store"
)

// StepKey names the step that a pull is, in events and in the graph.
func StepKey(ref string) string { return "pull:" + ref }

// RecordName names the image record that keeps a pulled image from the collector: repository@digest, since a tag may
// move while a release still holds what it stood for.
func RecordName(img release.Image) (string, error) {
	named, err := parse(img.Ref)
	if err != nil {
		return "", err
	}
	return reference.TrimNamed(named).Name() + "@" + string(img.Digest), nil
}

// Pull brings an image into the store, for this machine's platform, named by RecordName and unpacked. A name with a
// digest that the store holds costs no request. The step StepKey(ref) reports to the sink, each layer as an instruction.
func (r *Registry) Pull(ctx context.Context, st *store.Store, ref string, sink event.Sink) (release.Image, error) {
	started := time.Now()
	step := event.Step{Key: StepKey(ref), State: event.Started}
	emit(sink, step)
	img, state, err := r.pull(ctx, st, ref, sink)
	step.State, step.Took = state, time.Since(started)
	switch {
	case ctx.Err() != nil:
		step.State = event.Stopped
	case err != nil:
		step.State, step.Error = event.Failed, err.Error()
	default:
		step.Detail = img.Digest.Short()
	}
	emit(sink, step)
	return img, err
}

func (r *Registry) pull(ctx context.Context, st *store.Store, ref string, sink event.Sink) (release.Image, event.State, error) {
	if img, ok := held(ctx, st, ref); ok {
		return img, event.Cached, nil
	}
	img, err := r.Resolve(ctx, ref)
	if err != nil {
		return release.Image{}, event.Failed, err
	}
	name, err := RecordName(img)
	if err != nil {
		return release.Image{}, event.Failed, err
	}
	if img, ok := held(ctx, st, name); ok {
		img.Ref = ref
		return img, event.Cached, nil
	}
	if err := r.fetch(ctx, st, name, newProgress(StepKey(ref), st.Content(), sink)); err != nil {
		return release.Image{}, event.Failed, fetchError(img, err)
	}
	if _, err := st.Unpack(ctx, img.Digest); err != nil {
		return release.Image{}, event.Failed, fmt.Errorf("pull image %s: %w", img.Ref, err)
	}
	return img, event.Done, nil
}

// held finds an image that is named by its digest and is whole.
func held(ctx context.Context, st *store.Store, ref string) (release.Image, bool) {
	named, err := parse(ref)
	if err != nil {
		return release.Image{}, false
	}
	digested, ok := named.(reference.Digested)
	if !ok {
		return release.Image{}, false
	}
	img := release.Image{Digest: release.Digest(digested.Digest()), Ref: reference.FamiliarString(named), Platform: platforms.DefaultString()}
	if _, err := st.Images().Get(st.Context(ctx), named.String()); err != nil {
		return release.Image{}, false
	}
	if _, err := st.Unpack(ctx, img.Digest); err != nil {
		return release.Image{}, false
	}
	return img, true
}

func (r *Registry) fetch(ctx context.Context, st *store.Store, name string, p *progress) error {
	stop := p.start(st.Context(ctx))
	defer stop()
	_, err := st.Client().Pull(st.Context(ctx), name,
		containerd.WithResolver(docker.NewResolver(docker.ResolverOptions{Hosts: r.Hosts()})),
		containerd.WithImageHandlerWrapper(p.wrap))
	return err
}

func fetchError(img release.Image, err error) error {
	if errdefs.IsNotFound(err) {
		return &release.UserError{
			Kind: release.KindNotFound, Err: fmt.Errorf("image %s: its content is not there, or not for %s: %w", img.Ref, img.Platform, err),
			Hint: "choose a tag that is made for this platform",
		}
	}
	return fmt.Errorf("pull image %s: %w", img.Ref, err)
}

func emit(sink event.Sink, step event.Step) {
	sink.Emit(event.Event{Type: event.TypeStep, Step: &step})
}

func size(bytes int64) string { return humanize.Bytes(uint64(max(bytes, 0))) }
