package engine

import (
	"cmp"
	"slices"

	"github.com/seaworthyhq/seaworthy/internal/api"
	"github.com/seaworthyhq/seaworthy/internal/release"
	"github.com/seaworthyhq/seaworthy/internal/state"
)

// show is a release by name, or the one that serves, and where it is and was.
func (e *Engine) show(env release.Environment, name string) (api.ReleaseInfo, error) {
	rec, err := e.findRelease(env, name, false)
	if err != nil {
		return api.ReleaseInfo{}, err
	}
	out := api.ReleaseInfo{
		ID: rec.ID, Release: rec.Release, Origins: rec.Origins,
		Serving: []release.Environment{}, Deployments: []release.Deployment{},
	}
	err = e.db.View(func(tx state.Tx) error {
		all, err := tx.Environments()
		if err != nil {
			return err
		}
		for _, s := range all {
			if s.Serving != nil && s.Serving.Generation.Release == rec.ID && len(s.Serving.Generation.Config.Services) > 0 {
				out.Serving = append(out.Serving, s.Environment)
			}
			deployments, err := tx.Deployments(s.Environment, 0)
			if err != nil {
				return err
			}
			for _, d := range deployments {
				if d.Release == rec.ID && d.Cause != release.CauseDown {
					out.Deployments = append(out.Deployments, d)
				}
			}
		}
		return nil
	})
	slices.SortStableFunc(out.Deployments, func(a, b release.Deployment) int {
		return cmp.Or(b.Started.Compare(a.Started), cmp.Compare(b.Number, a.Number))
	})
	return out, err
}
