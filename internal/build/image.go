package build

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"

	"github.com/containerd/containerd/v2/core/images"
	"github.com/containerd/platforms"
	"github.com/distribution/reference"
	"github.com/moby/buildkit/client"
	"github.com/moby/buildkit/exporter"
	"github.com/moby/buildkit/exporter/containerimage/exptypes"
	"github.com/moby/buildkit/solver"
	"github.com/moby/buildkit/solver/llbsolver/compat"
	bkworker "github.com/moby/buildkit/worker"
	"github.com/opencontainers/go-digest"

	"github.com/seaworthyhq/seaworthy/internal/build/worker"
	"github.com/seaworthyhq/seaworthy/internal/cause"
	"github.com/seaworthyhq/seaworthy/internal/release"
)

// sourceLabel is on the record of an image that was built: what it was made of, so that the same is not made again.
const sourceLabel = "seaworthy.build/source"

// keep makes an image of what a target built, under the target's name: unpacked, and safe from the collector before the
// build lets go of it.
func (r *running) keep(ctx context.Context, target Target, metadata map[string][]byte, built solver.CachedResult, operations []cause.Operation) error {
	src := &exporter.Source{Metadata: metadata}
	if built != nil {
		ref, ok := built.Sys().(*bkworker.WorkerRef)
		if !ok {
			return fmt.Errorf("build of %s gave a %T", target.Stage, built.Sys())
		}
		src.Ref = ref.ImmutableRef
	}
	img, err := r.describe(target, metadata)
	if err != nil {
		return err
	}
	img.Operations = operations
	made := r.madeOf(src)
	if img.Digest = r.builder.known(ctx, target.Name, made); img.Digest != "" {
		img.Known = true
	} else if img.Digest, err = r.export(worker.WithLabels(ctx, map[string]string{sourceLabel: made}), target, src); err != nil {
		return fmt.Errorf("make image of %s: %w", target.Stage, err)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.images[target.Key] = img
	return nil
}

func (r *running) describe(target Target, metadata map[string][]byte) (Image, error) {
	img := Image{Image: release.Image{Ref: target.Stage, Stage: target.Stage}}
	if err := json.Unmarshal(metadata[exptypes.ExporterImageConfigKey], &img.Config); err != nil {
		return img, fmt.Errorf("read image config of %s: %w", target.Stage, err)
	}
	img.Platform = platforms.Format(img.Config.Platform)
	return img, nil
}

// madeOf names everything that decides the image's digest: the file system, by the cache record that holds it, the
// config, and how it is written.
func (r *running) madeOf(src *exporter.Source) string {
	id := "scratch"
	if src.Ref != nil {
		id = src.Ref.ID()
	}
	h := digest.SHA256.Digester()
	_, rewrite := r.req.sourceDate()
	fmt.Fprintln(h.Hash(), id, r.req.compression(), r.req.epoch(), rewrite, compat.CompatibilityVersionCurrent)
	h.Hash().Write(src.Metadata[exptypes.ExporterImageConfigKey])
	h.Hash().Write(src.Metadata[exptypes.ExporterImageBaseConfigKey])
	return h.Digest().String()
}

// known is the image of that name, if it was made of the same.
func (b *Builder) known(ctx context.Context, name, made string) release.Digest {
	img, err := b.cfg.Store.Images().Get(b.cfg.Store.Context(ctx), name)
	if err != nil || img.Labels[sourceLabel] != made {
		return "" // to make it again is never wrong
	}
	return release.Digest(img.Target.Digest)
}

func (r *running) export(ctx context.Context, target Target, src *exporter.Source) (_ release.Digest, err error) {
	done := r.progress.exporting(target)
	defer func() { done(err) }()
	exporters, err := r.builder.worker.Exporter(client.ExporterImage, r.builder.sessions)
	if err != nil {
		return "", err
	}
	_, rewrite := r.req.sourceDate()
	instance, err := exporters.Resolve(ctx, 0, map[string]string{
		string(exptypes.OptKeyName):             target.Name,
		string(exptypes.OptKeyOCITypes):         "true",
		string(exptypes.OptKeyLayerCompression): r.req.compression(),
		string(exptypes.OptKeySourceDateEpoch):  r.req.epoch(),
		string(exptypes.OptKeyRewriteTimestamp): strconv.FormatBool(rewrite),
	})
	if err != nil {
		return "", err
	}
	_, _, written, err := instance.Export(ctx, src, exporter.ExportBuildInfo{
		Ref:                  r.id,
		SessionID:            r.req.Session,
		CompatibilityVersion: compat.CompatibilityVersionCurrent,
	})
	if err != nil {
		return "", err
	}
	if err := r.builder.layOut(ctx, written.Descriptor(), src.Ref, !rewrite); err != nil {
		return "", errors.Join(err, written.Release())
	}
	dgst := release.Digest(written.Descriptor().Digest)
	if err := written.Release(); err != nil { // the export's lease; from here the name holds the image
		return "", fmt.Errorf("release lease: %w", err)
	}
	return dgst, nil
}

// localImage is the image that the store has under the name that a FROM resolves to; nil where it has none.
func (b *Builder) localImage(ctx context.Context, ref string) *images.Image {
	named, err := reference.ParseNormalizedNamed(ref)
	if err != nil {
		return nil
	}
	img, err := b.cfg.Store.Images().Get(b.cfg.Store.Context(ctx), reference.TagNameOnly(named).String())
	if err != nil {
		return nil // the solver will look again, and say what is wrong
	}
	return &img
}
