// Package rollout is the way from what runs to what should run. It plans purely: one observation and one wish give one
// plan, whose every operation is one call with its cause. The plan is printed, recorded and then executed by code that
// decides nothing, over the small Host interface that is declared here. The package knows neither containers nor proxies.
//
// What it holds to: traffic goes to one whole generation at each moment; what served before serves until the new
// generation is proven; a service that did not change is not touched; and planning again on whatever an interruption
// left finishes the work.
package rollout

import (
	"slices"

	"github.com/seaworthyhq/seaworthy/internal/release"
)

// Generation is what serves together, or shall: the configuration that a deployment brings. Its Config has the replica
// counts that hold now, `scale` included. The zero Generation is that of an environment that is down.
type Generation struct {
	Deployment int            `json:"deployment"`
	Release    release.ID     `json:"release"`
	Config     release.Config `json:"config"`
}

// serves reports whether there is anything in it.
func (g Generation) serves() bool { return len(g.Config.Services) > 0 }

// Serving is where traffic goes, whole: nothing of it is implied by an earlier one. Routes, names and published ports
// follow from it and from the addresses of the replicas.
type Serving struct {
	Generation Generation `json:"generation"`
	// Replicas has the IDs of those that belong to each service, sorted. One of them that is not well is left out by
	// whoever balances and is back when it is well; that does not change Serving.
	Replicas map[string][]string `json:"replicas,omitempty"`
	// Held are the services whose requests wait because none of their replicas may take them; sorted by service.
	Held []Hold `json:"held,omitempty"`
}

// Hold keeps the requests of a service waiting until something else serves.
type Hold struct {
	Service string           `json:"service"`
	Limit   release.Duration `json:"limit"` // after this the hold ends by itself
}

// routes reports whether the replica takes traffic; nothing does where nothing serves.
func (s *Serving) routes(r release.Replica) bool {
	return s != nil && slices.Contains(s.Replicas[r.Service], r.ID)
}

// Holds reports whether requests to the service wait.
func (s *Serving) Holds(service string) bool {
	return s != nil && slices.ContainsFunc(s.Held, func(h Hold) bool { return h.Service == service })
}

// generation is what serves, the zero Generation where nothing does.
func (s *Serving) generation() Generation {
	if s == nil {
		return Generation{}
	}
	return s.Generation
}

// Observed is an environment as it was found, at one moment.
type Observed struct {
	Replicas []release.Replica // all of the environment, whatever state they are in
	Serving  *Serving          // as last routed; nil: nothing yet
	Networks []string
	Volumes  []string
}

// Desired is what an environment shall come to. An empty Generation.Config takes it down.
type Desired struct {
	Environment release.Environment
	Generation  Generation
	Cause       release.Cause
	// Before is what served when a deployment began that was interrupted and now goes on: what to come back to, kept
	// until the end of the monitor window. Nil: what serves now.
	Before *Generation
	// Elsewhere is what the release has others of than the one that serves, beside this environment's configuration; for people.
	Elsewhere []string
	// Return says that this goes back to what served before, after a failure. Replicas that never stopped are then
	// taken as they are: they were good enough before.
	Return bool
}

// before is what served when the deployment began, the zero Generation where nothing did.
func (d Desired) before() Generation {
	if d.Before == nil {
		return Generation{}
	}
	return *d.Before
}

// Replica is a replica that shall run.
type Replica struct {
	ID         string
	Index      int // from 1
	Spec       release.Digest
	Deployment int
	Release    release.ID
	Service    release.Service
}
