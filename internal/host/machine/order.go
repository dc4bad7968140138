package machine

import (
	"slices"
	"time"

	"github.com/seaworthyhq/seaworthy/internal/release"
)

// After a restart of the machine, or of an engine that was away, replicas come back in the order of depends_on. One that waits
// for a service which does not get well is started all the same in the end: it may serve without.
const (
	patience        = 2 * time.Minute
	dependencyPause = 50 * time.Millisecond
)

// dependenciesWell says whether what the replica's service depends on is as it asks. What runs once has run before.
func (s *Site) dependenciesWell(r release.Replica) bool {
	service := s.serviceOf(r)
	if service == nil {
		return true
	}
	all := s.machine.Replicas(s.env)
	for _, d := range service.DependsOn {
		for _, id := range s.servingReplicas(d.Service) {
			i := slices.IndexFunc(all, func(r release.Replica) bool { return r.ID == id })
			if i >= 0 && !s.completed(all[i]) && !wellFor(d, all[i]) {
				return false
			}
		}
	}
	return true
}

func wellFor(d release.Dependency, r release.Replica) bool {
	if r.State != release.StateRunning {
		return false
	}
	return d.Condition != release.Healthy || r.Health == release.HealthHealthy || r.Health == release.HealthUnchecked
}

// servingReplicas are those of a service that take requests; none of one that runs once.
func (s *Site) servingReplicas(service string) []string {
	s.machine.mu.Lock()
	defer s.machine.mu.Unlock()
	if s.serving == nil {
		return nil
	}
	if c := s.serving.Generation.Config.Service(service); c == nil || c.OneShot {
		return nil
	}
	return slices.Clone(s.serving.Replicas[service])
}
