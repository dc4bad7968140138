package rollout

import (
	"time"

	"github.com/seaworthyhq/seaworthy/internal/release"
)

// The image specification's defaults for a health check
// (https://github.com/opencontainers/image-spec/blob/main/config.md and docs.docker.com/reference/dockerfile/#healthcheck).
const (
	defaultInterval = 30 * time.Second
	defaultTimeout  = 30 * time.Second
	defaultRetries  = 3
)

// endLimit bounds a one-shot service, whose work may be long: a migration of a large database.
const endLimit = time.Hour

// stopGrace is how long a replica of the service gets to end.
func stopGrace(s *release.Service) time.Duration {
	if s == nil {
		return release.DefaultStopGrace
	}
	return s.StopGrace.Or(release.DefaultStopGrace)
}

// portLimit is how long a replica that nothing but its port can tell of gets until that answers.
const portLimit = time.Minute

// wellLimit is when it is known at the latest that a replica does not get healthy.
func wellLimit(s release.Service) time.Duration {
	h := s.Health
	if h == nil {
		h = &release.Health{}
	}
	if len(h.Test) == 0 || h.Disabled() {
		return time.Duration(h.StartPeriod+s.Update.Monitor) + portLimit
	}
	retries := h.Retries
	if retries == 0 {
		retries = defaultRetries
	}
	once := h.Interval.Or(defaultInterval) + h.Timeout.Or(defaultTimeout)
	return time.Duration(h.StartPeriod) + time.Duration(retries)*once
}

// worst is the longest time that may pass from the end of one operation to the start of another, if every operation
// between takes all it may.
func worst(ops []Operation, from, to string) time.Duration {
	end := map[string]time.Duration{from: 0}
	for _, op := range ops {
		longest, reached := time.Duration(0), false
		for _, after := range op.After {
			if t, ok := end[after]; ok {
				longest, reached = max(longest, t), true
			}
		}
		if op.Key == to {
			return longest
		}
		if reached {
			end[op.Key] = longest + op.Limit
		}
	}
	return 0
}
