package worker

import (
	"context"
	"fmt"
	"time"

	"github.com/containerd/containerd/v2/core/images"
	"github.com/containerd/containerd/v2/pkg/epoch"
	"github.com/containerd/containerd/v2/pkg/namespaces"
	"github.com/containerd/errdefs"

	"github.com/seaworthyhq/seaworthy/internal/store"
)

type labelsKey struct{}

// WithLabels has the records of images that are exported labelled.
func WithLabels(ctx context.Context, labels map[string]string) context.Context {
	return context.WithValue(ctx, labelsKey{}, labels)
}

// namedImages are the store's image records as BuildKit's exporter uses them: in our namespace, stamped with the time it
// is, not with the epoch of what is in the image, and labelled.
type namedImages struct{ images.Store }

func (n namedImages) Get(ctx context.Context, name string) (images.Image, error) {
	return n.Store.Get(inNamespace(ctx), name)
}

func (n namedImages) List(ctx context.Context, filters ...string) ([]images.Image, error) {
	return n.Store.List(inNamespace(ctx), filters...)
}

func (n namedImages) Create(ctx context.Context, img images.Image) (images.Image, error) {
	return n.Store.Create(inNamespace(ctx), label(ctx, img))
}

func (n namedImages) Update(ctx context.Context, img images.Image, paths ...string) (images.Image, error) {
	return n.Store.Update(inNamespace(ctx), label(ctx, img), paths...)
}

func (n namedImages) Delete(context.Context, string, ...images.DeleteOpt) error {
	return fmt.Errorf("delete image: builds do not: %w", errdefs.ErrPermissionDenied)
}

func inNamespace(ctx context.Context) context.Context {
	now := time.Now()
	return epoch.WithSourceDateEpoch(namespaces.WithNamespace(ctx, store.Namespace), &now)
}

func label(ctx context.Context, img images.Image) images.Image {
	if labels, ok := ctx.Value(labelsKey{}).(map[string]string); ok {
		img.Labels = labels
	}
	return img
}
