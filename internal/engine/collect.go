package engine

import (
	"context"
	"time"

	"github.com/seaworthyhq/seaworthy/internal/api"
	"github.com/seaworthyhq/seaworthy/internal/build"
	"github.com/seaworthyhq/seaworthy/internal/ledger"
	"github.com/seaworthyhq/seaworthy/internal/release"
	"github.com/seaworthyhq/seaworthy/internal/state"
)

// youth is how long what nothing needs yet is kept: a release is made before it is deployed, an image pulled before it is
// released.
const youth = 24 * time.Hour

// cacheAge is how long build cache that no build uses stays when gc is asked for: what makes the next build fast.
const cacheAge = 7 * 24 * time.Hour

// gc forgets releases beyond those that can be rolled back to, frees what nothing needs, and says how much that was.
func (e *Engine) gc(ctx context.Context, req api.GCRequest) (api.GCResult, error) {
	keep := req.Keep
	if keep <= 0 {
		keep = e.cfg.Settings.KeepReleases
	}
	defer e.spendReserve()()
	out := api.GCResult{Releases: []release.ID{}}
	before := diskUsed(e.cfg.Root)
	gone, images, err := e.forgetReleases(ctx, keep, req.Actor)
	if err != nil {
		return out, err
	}
	out.Releases, out.Images = append(out.Releases, gone...), images
	if err := e.forgetSteps(time.Now()); err != nil {
		return out, err
	}
	unused := build.PruneOptions{KeepFor: cacheAge}
	if req.All {
		unused = build.PruneOptions{All: true}
	}
	if out.BuildCache, err = e.builder.Prune(ctx, unused); err != nil {
		return out, err
	}
	if err := e.store.Collect(ctx); err != nil {
		return out, err
	}
	out.Freed = max(before-diskUsed(e.cfg.Root), 0)
	return out, nil
}

// collectAfterwards forgets what a deployment has made superfluous, without anybody waiting for it. The build cache sees to
// itself.
func (e *Engine) collectAfterwards() {
	ctx := e.life
	e.work.Go(func() {
		_, images, err := e.forgetReleases(ctx, e.cfg.Settings.KeepReleases, "engine")
		if err == nil && images > 0 {
			err = e.store.Collect(ctx)
		}
		if err != nil && ctx.Err() == nil {
			e.log.Error("collect old releases", "error", err)
		}
	})
}

// forgetReleases forgets the superfluous releases, and the names of images that no release has, which may come from an
// engine that was killed.
func (e *Engine) forgetReleases(ctx context.Context, keep int, actor string) (gone []release.ID, images int, err error) {
	var n needs
	err = e.db.Update(func(tx state.Tx) error {
		if n, err = needsOf(tx, keep, time.Now()); err != nil || len(n.superfluous) == 0 {
			return err
		}
		for _, id := range n.superfluous {
			if err := tx.RemoveRelease(id); err != nil {
				return err
			}
		}
		return tx.Record(ledger.Collected, release.Environment{}, "releases", actor, n.superfluous)
	})
	if err != nil {
		return nil, 0, err
	}
	images, err = e.images.retain(ctx, n, time.Now().Add(-youth))
	return n.superfluous, images, err
}

// needs are the releases that are kept and those that are not, and what is needed besides them.
type needs struct {
	releases    map[release.ID]bool
	superfluous []release.ID
	images      map[release.Digest]bool // that tags of image: services are pinned to
}

// needsOf decides what is kept: what an environment serves or is coming to, the last keep releases that it could go back
// to, and what is too young to be judged.
func needsOf(tx state.Tx, keep int, now time.Time) (needs, error) {
	n := needs{releases: map[release.ID]bool{}, images: map[release.Digest]bool{}}
	environments, err := tx.Environments()
	if err != nil {
		return n, err
	}
	served := map[release.ID]bool{}
	for _, s := range environments {
		all, err := tx.Deployments(s.Environment, 0)
		if err != nil {
			return n, err
		}
		n.ofEnvironment(s, all, keep, served)
	}
	all, err := tx.Releases("")
	if err != nil {
		return n, err
	}
	for _, r := range all {
		young := !served[r.ID] && now.Sub(r.Origin().Time) < youth
		if n.releases[r.ID] || young {
			n.releases[r.ID] = true
		} else {
			n.superfluous = append(n.superfluous, r.ID)
		}
	}
	return n, nil
}

// ofEnvironment adds what one environment needs, and to served each release that ever served there.
func (n *needs) ofEnvironment(s state.Environment, all []release.Deployment, keep int, served map[release.ID]bool) {
	if s.Serving != nil {
		n.releases[s.Serving.Generation.Release] = true
	}
	if s.Pending != nil {
		n.releases[s.Pending.Desired.Generation.Release] = true
		if before := s.Pending.Desired.Before; before != nil {
			n.releases[before.Release] = true
		}
	}
	for _, img := range s.Pins {
		n.images[img.Digest] = true
	}
	kept := map[release.ID]bool{}
	for _, d := range all {
		if d.Result != release.Succeeded {
			continue
		}
		served[d.Release] = true
		if s.Serving != nil && d.Release == s.Serving.Generation.Release {
			continue // nobody goes back to what serves
		}
		if len(kept) < keep {
			kept[d.Release], n.releases[d.Release] = true, true
		}
	}
}
