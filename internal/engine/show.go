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
	out := api.ReleaseInfo{ID: rec.ID, Release: rec.Release, Origins: rec.Origins, Serving: []release.Environment{}}
	err = e.db.View(func(tx state.Tx) error {
		all, err := tx.Environments()
		if err != nil {
			return err
		}
		for _, s := range all {
			if s.Serving != nil && s.Serving.Generation.Release == rec.ID && len(s.Serving.Generation.Config.Services) > 0 {
				out.Serving = append(out.Serving, s.Environment)
			}
		}
		times, err := tx.Times(rec.ID)
		if err != nil {
			return err
		}
		if len(times.Steps) > 0 { // else it was made before times were kept
			out.Times = &times
		}
		deployments, err := deploymentsByRelease(tx, all)
		out.Deployments = append([]release.Deployment{}, deployments[rec.ID]...)
		return err
	})
	return out, err
}

// releases are those of a project that are there, the one made last first.
func (e *Engine) releases(project string) ([]api.ReleaseSummary, error) {
	out := []api.ReleaseSummary{}
	err := e.db.View(func(tx state.Tx) error {
		records, err := tx.Releases(project)
		if err != nil {
			return err
		}
		all, err := tx.Environments()
		if err != nil {
			return err
		}
		deployments, err := deploymentsByRelease(tx, all)
		for _, rec := range records {
			out = append(out, api.ReleaseSummary{ID: rec.ID, Origins: rec.Origins, Deployments: deployments[rec.ID]})
		}
		return err
	})
	return out, err
}

// deploymentsByRelease has the deployments of environments, the last one first.
func deploymentsByRelease(tx state.Tx, all []state.Environment) (map[release.ID][]release.Deployment, error) {
	of := map[release.ID][]release.Deployment{}
	for _, s := range all {
		deployments, err := tx.Deployments(s.Environment, 0)
		if err != nil {
			return nil, err
		}
		for _, d := range deployments {
			if d.Cause != release.CauseDown {
				of[d.Release] = append(of[d.Release], d)
			}
		}
	}
	for _, deployments := range of {
		slices.SortStableFunc(deployments, func(a, b release.Deployment) int {
			return cmp.Or(b.Started.Compare(a.Started), cmp.Compare(b.Number, a.Number))
		})
	}
	return of, nil
}
