package engine

import (
	"slices"
	"testing"
	"time"

	"github.com/seaworthyhq/seaworthy/internal/release"
	"github.com/seaworthyhq/seaworthy/internal/rollout"
)

// deployed are deployments, the last one first, of these causes, releases and results.
func deployed(all ...release.Deployment) []release.Deployment {
	for i := range all {
		all[i].Number = i + 1
		if all[i].Result == "" {
			all[i].Result = release.Succeeded
		}
	}
	slices.Reverse(all)
	return all
}

func TestEachRollbackLeadsFurtherBack(t *testing.T) {
	up := func(id release.ID) release.Deployment { return release.Deployment{Cause: release.CauseUp, Release: id} }
	back := func(id release.ID) release.Deployment {
		return release.Deployment{Cause: release.CauseRollback, Release: id}
	}
	scale := func(id release.ID) release.Deployment {
		return release.Deployment{Cause: release.CauseScale, Release: id}
	}
	down := func(id release.ID) release.Deployment {
		return release.Deployment{Cause: release.CauseDown, Release: id}
	}
	ended := func(id release.ID, r release.Result) release.Deployment {
		return release.Deployment{Cause: release.CauseUp, Release: id, Result: r}
	}
	for name, c := range map[string]struct {
		all  []release.Deployment
		want release.ID
	}{
		"the first":                               {deployed(up("1")), ""},
		"an update":                               {deployed(up("1"), up("2")), "1"},
		"scaled since":                            {deployed(up("1"), up("2"), scale("2")), "1"},
		"rolled back once":                        {deployed(up("1"), up("2"), up("3"), back("2")), "1"},
		"rolled back to the first":                {deployed(up("1"), up("2"), back("1")), ""},
		"updated after a rollback":                {deployed(up("1"), up("2"), back("1"), up("3")), "1"},
		"the same one again":                      {deployed(up("1"), up("2"), back("1"), up("2")), "1"},
		"one that served twice":                   {deployed(up("1"), up("2"), up("1")), "2"},
		"rolled back to one that is forth":        {deployed(up("1"), up("2"), back("1"), back("2")), "1"},
		"failed since":                            {deployed(up("1"), up("2"), ended("3", release.RolledBack), ended("4", release.Failed)), "1"},
		"given up before":                         {deployed(up("1"), ended("2", release.Cancelled), up("3")), "1"},
		"down, and up again":                      {deployed(up("1"), up("2"), down("2"), up("2")), "1"},
		"rolled back past one that served before": {deployed(up("1"), up("2"), up("1"), up("3"), back("1")), "2"},
	} {
		serving := rollout.Generation{}
		for _, d := range c.all {
			if d.Result == release.Succeeded {
				serving = rollout.Generation{Deployment: d.Number, Release: d.Release}
				break
			}
		}
		if got := servedBefore(c.all, serving); got != c.want {
			t.Errorf("%s: to %q, want %q", name, got, c.want)
		}
	}
}

func TestARollbackMeansTheOneThatWasGivenUpForAWhile(t *testing.T) {
	ended := time.Now()
	cancelled := release.Deployment{Result: release.Cancelled, Ended: ended}
	if !justGivenUp(cancelled, ended.Add(time.Minute)) {
		t.Error("the same command, run again, goes further back")
	}
	if justGivenUp(cancelled, ended.Add(time.Hour)) {
		t.Error("an hour later it does nothing")
	}
	if justGivenUp(release.Deployment{Result: release.Failed, Ended: ended}, ended) {
		t.Error("one that failed counts as given up")
	}
}
