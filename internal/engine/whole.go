package engine

import (
	"context"
	"fmt"

	"github.com/seaworthyhq/seaworthy/internal/event"
	"github.com/seaworthyhq/seaworthy/internal/release"
	"github.com/seaworthyhq/seaworthy/internal/rollout"
)

// isWhole says whether every service has all its replicas among those that serve. A restart of replicas that was cut leaves
// it otherwise: it is no deployment, so it has no intent on record that would be found again.
func isWhole(s *rollout.Serving) bool {
	if s == nil {
		return true
	}
	for _, service := range s.Generation.Config.Services {
		if !service.OneShot && len(s.Replicas[service.Name]) < service.Replicas {
			return false
		}
	}
	return len(s.Held) == 0
}

// makeWhole gives what serves the replicas that it lacks. The caller has the environment's turn.
func (e *Engine) makeWhole(ctx context.Context, env release.Environment, sink event.Sink) error {
	s, err := e.environment(env)
	if err != nil || isWhole(s.Serving) {
		return err
	}
	desired := rollout.Desired{Environment: env, Generation: s.Serving.Generation, Cause: release.CauseRestart}
	if _, err := rollout.Run(ctx, e.machine.Site(env), desired, sink); err != nil {
		return fmt.Errorf("make %s whole: %w", env, err)
	}
	return nil
}
