package machine

import (
	"time"

	"github.com/cenkalti/backoff/v5"

	"github.com/seaworthyhq/seaworthy/internal/release"
)

// settled is how long a replica has to run before its next end counts as the first.
const settled = 30 * time.Second

// candidateWindow is how long a replica that is not well yet is started again when it ends, where its service has no longer
// start_period. It is short, so that a broken version is known to be one soon.
const candidateWindow = 10 * time.Second

// Between two starts of a replica that ends: 100 ms at first, half as much again each time.
const (
	firstRestart = 100 * time.Millisecond
	lastRestart  = 30 * time.Second
)

// restarts are the starts that a replica's policy grants it after it has ended.
type restarts struct {
	policy   release.Restart
	pauses   *backoff.ExponentialBackOff
	attempts int
	until    time.Time // zero: for ever
}

func newRestarts(policy release.Restart) *restarts {
	b := backoff.NewExponentialBackOff()
	b.InitialInterval, b.MaxInterval = firstRestart, lastRestart
	return &restarts{policy: policy, pauses: b}
}

// candidateRestarts are those of a replica that has yet to be well. Only a service that asks for restarts gets them then:
// for all others an end is a failure, known at once.
func candidateRestarts(s release.Service) *restarts {
	r := newRestarts(s.Restart)
	if s.Restart.Condition == "" {
		r.policy.Condition = "none"
	}
	window := candidateWindow
	if s.Health != nil {
		window = max(window, time.Duration(s.Health.StartPeriod))
	}
	r.until = time.Now().Add(window)
	return r
}

// next says whether the replica is started again, and after which pause.
func (r *restarts) next(ended release.Replica) (pause time.Duration, again bool) {
	switch {
	case r.policy.Condition == "none",
		r.policy.Condition == "on-failure" && ended.ExitKnown && ended.ExitCode == 0,
		r.policy.MaxAttempts > 0 && r.attempts >= r.policy.MaxAttempts,
		!r.until.IsZero() && time.Now().After(r.until):
		return 0, false
	}
	r.attempts++
	return max(r.pauses.NextBackOff(), time.Duration(r.policy.Delay)), true
}
