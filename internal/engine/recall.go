package engine

import (
	"context"
	"errors"

	"github.com/containerd/errdefs"
	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/seaworthyhq/seaworthy/internal/registry"
	"github.com/seaworthyhq/seaworthy/internal/state"
	"github.com/seaworthyhq/seaworthy/internal/store"
)

// recallReleases names again, in a store that has lost what it knew, all that the releases in the database need. A release whose
// content is not there is no reason not to start: it is said, and said again when it is asked for.
func (e *Engine) recallReleases(ctx context.Context, s *store.Store) (err error) {
	db, err := state.Open(e.cfg.Root)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	var all []state.Record
	if err := db.View(func(tx state.Tx) (err error) { all, err = tx.Releases(""); return err }); err != nil {
		return err
	}
	for _, r := range all {
		names, err := needed(r)
		if err != nil {
			return err
		}
		for name, target := range names {
			switch err := s.Recall(ctx, name, target); {
			case errdefs.IsNotFound(err):
				e.log.Error("a release is not whole", "release", r.ID.Short(), "error", err)
			case err != nil:
				return err
			}
		}
	}
	if len(all) > 0 {
		e.log.Info("images were named anew, and builds begin without a cache: the machine went down while the engine ran", "releases", len(all))
	}
	return nil
}

// needed are the records of images and files that keep what a release needs, by name.
func needed(r state.Record) (map[string]ocispec.Descriptor, error) {
	names := map[string]ocispec.Descriptor{}
	for _, env := range r.Release.Environments {
		for _, service := range env.Services {
			for _, f := range service.Files {
				names[fileRecord(r.ID, f.Digest)] = ocispec.Descriptor{MediaType: fileMediaType, Digest: digest.Digest(f.Digest), Size: f.Size}
			}
		}
	}
	for _, img := range r.Release.Images() {
		target := ocispec.Descriptor{Digest: digest.Digest(img.Digest)}
		names[imageRecord(r.ID, img.Digest)] = target
		if img.Stage != "" {
			continue
		}
		pulled, err := registry.RecordName(img)
		if err != nil {
			return nil, err
		}
		names[pulled] = target
	}
	return names, nil
}
