package engine

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"

	"github.com/containerd/containerd/v2/core/content"
	"github.com/containerd/containerd/v2/core/images/archive"
	"github.com/containerd/errdefs"

	"github.com/seaworthyhq/seaworthy/internal/api"
	"github.com/seaworthyhq/seaworthy/internal/release"
)

// export is what an environment runs of a release: as it serves, with the replica counts and ports that hold now, or as a
// deployment of the release that is named would have it.
func (e *Engine) export(env release.Environment, name string) (api.ExportInfo, error) {
	rec, err := e.findRelease(env, name, false)
	if err != nil {
		return api.ExportInfo{}, err
	}
	s, err := e.environment(env)
	if err != nil {
		return api.ExportInfo{}, err
	}
	out := api.ExportInfo{Environment: env, Release: rec.ID}
	if s.Serving != nil && s.Serving.Generation.Release == rec.ID {
		out.Config = withoutMarks(s.Serving.Generation.Config)
		return out, nil
	}
	var ok bool
	if out.Config, ok = rec.Release.Environments[env.Name]; !ok {
		return out, noConfiguration(rec.ID, env)
	}
	return out, nil
}

// withoutMarks is a configuration without the marks of secrets: they are of no use to anybody else.
func withoutMarks(c release.Config) release.Config {
	c.Services = slices.Clone(c.Services)
	for i := range c.Services {
		c.Services[i].Secrets = slices.Clone(c.Services[i].Secrets)
		for j := range c.Services[i].Secrets {
			c.Services[i].Secrets[j].Mark = ""
		}
	}
	return c
}

// exportFile answers with a content that releases carry.
func (e *Engine) exportFile(w http.ResponseWriter, r *http.Request) {
	b, err := e.images.file(r.Context(), release.Digest(r.PathValue("digest")))
	if err != nil {
		api.WriteError(w, err)
		return
	}
	w.Header().Set("Content-Type", "application/octet-stream")
	_, _ = w.Write(b) // the caller is gone: nobody to tell
}

// exportImages answers with an archive of images.
func (e *Engine) exportImages(w http.ResponseWriter, r *http.Request) {
	asked := api.ArchivedImages(r)
	write, err := e.images.archive(r.Context(), asked)
	if err != nil {
		api.WriteError(w, err)
		return
	}
	w.Header().Set("Content-Type", "application/x-tar")
	if err := write(w); err != nil {
		e.log.Error("export images", "error", err)
		panic(http.ErrAbortHandler) // a cut connection is the only way left to say that the archive is not whole
	}
}

// archive returns what writes images as an OCI layout with the manifest that `docker load` of every age reads. Of an image for
// several platforms it takes the one that runs here: the others' content is not there.
func (i *images) archive(ctx context.Context, asked []api.ArchivedImage) (func(io.Writer) error, error) {
	var options []archive.ExportOpt
	for _, each := range asked {
		img, err := i.store.Image(ctx, each.Digest)
		if errdefs.IsNotFound(err) {
			return nil, &release.UserError{
				Kind: release.KindNotFound, Err: fmt.Errorf("image %s is not in the engine's store", each.Digest.Short()),
				Hint: "seaworthy history lists the releases; those that were collected have no images any more",
			}
		}
		if err != nil {
			return nil, err
		}
		options = append(options, archive.WithManifest(img.Manifest, each.Name))
	}
	ctx = i.store.Context(ctx)
	return func(w io.Writer) error { return archive.Export(ctx, i.store.Content(), w, options...) }, nil
}

// file is a content that some release carries.
func (i *images) file(ctx context.Context, d release.Digest) ([]byte, error) {
	ctx = i.store.Context(ctx)
	all, err := i.store.Images().List(ctx)
	if err != nil {
		return nil, fmt.Errorf("list images: %w", err)
	}
	for _, record := range all {
		if strings.HasPrefix(record.Name, releasePrefix) && release.Digest(record.Target.Digest) == d && record.Target.MediaType == fileMediaType {
			return content.ReadBlob(ctx, i.store.Content(), record.Target)
		}
	}
	return nil, &release.UserError{Kind: release.KindNotFound, Err: fmt.Errorf("no release carries the file %s", d.Short()), Hint: "seaworthy history lists the releases"}
}
