package engine

import (
	"fmt"
	"slices"

	"github.com/seaworthyhq/seaworthy/internal/release"
	"github.com/seaworthyhq/seaworthy/internal/rollout"
	"github.com/seaworthyhq/seaworthy/internal/state"
)

// desired is what the environment shall come to. It writes replica counts and ports that it decides on into s.
func (e *Engine) desired(d deployment, s *state.Environment) (rollout.Desired, error) {
	number := s.Last + 1
	out := rollout.Desired{Environment: d.env, Cause: d.cause, Generation: rollout.Generation{Deployment: number, Release: d.record.ID}}
	// What to come back to is recorded with the intent: after a crash half-way something else may serve already.
	if s.Pending != nil && s.Pending.Desired.Before != nil {
		out.Before = s.Pending.Desired.Before
	} else if s.Serving != nil {
		g := s.Serving.Generation
		out.Before = &g
	}
	if d.down {
		return out, nil
	}
	if out.Before != nil {
		_ = e.db.View(func(tx state.Tx) error { // without the record, which may have been collected, less is said
			was, err := tx.Release(out.Before.Release)
			if err == nil {
				out.Elsewhere = d.record.Release.Elsewhere(was.Release, d.env.Name)
			}
			return err
		})
	}
	config, ok := d.record.Release.Environments[d.env.Name]
	if !ok {
		return out, noConfiguration(d.record.ID, d.env)
	}
	config.Services = slices.Clone(config.Services)
	if err := applyScale(&config, d.scale, s); err != nil {
		return out, err
	}
	if err := choosePorts(&config, s, d.dry); err != nil {
		return out, err
	}
	if err := e.markSecrets(&config, d, s); err != nil {
		return out, err
	}
	out.Generation.Config = config
	return out, nil
}

func noConfiguration(id release.ID, env release.Environment) error {
	return &release.UserError{
		Kind: release.KindNotFound, Err: fmt.Errorf("release %s has no configuration for %s", id.Short(), env.Name),
		Hint: "make one that has: " + env.Command("release"),
	}
}

// applyScale sets replica counts that were chosen by hand, as long as the file says the number that it said then.
func applyScale(config *release.Config, wanted map[string]int, s *state.Environment) error {
	if s.Scale == nil {
		s.Scale = map[string]state.Scale{}
	}
	for name, n := range wanted {
		service := config.Service(name)
		if service == nil {
			return unknownService(name, s.Environment, serviceNames(*config))
		}
		s.Scale[name] = state.Scale{Replicas: n, File: service.Replicas}
	}
	for name, scale := range s.Scale {
		service := config.Service(name)
		if service == nil || service.Replicas != scale.File || scale.Replicas == scale.File {
			delete(s.Scale, name)
			continue
		}
		service.Replicas = scale.Replicas
	}
	return nil
}
