package engine

import (
	"fmt"
	"iter"
	"maps"
	"slices"

	"github.com/seaworthyhq/seaworthy/internal/release"
	"github.com/seaworthyhq/seaworthy/internal/rollout"
	"github.com/seaworthyhq/seaworthy/internal/state"
)

// markSecrets says in a configuration which values its services are handed, so that replicas with another value are other
// replicas. What is handed over with the deployment counts, or what was handed over last; whatever only changes what serves
// (scale, rollback) keeps the values that serve.
func (e *Engine) markSecrets(config *release.Config, d deployment, s *state.Environment) error {
	marks, err := e.vault.Latest(d.env)
	if err != nil {
		return err
	}
	if d.handOver {
		marks = e.vault.Marks(d.env, d.secrets)
	}
	if d.cause == release.CauseScale || d.cause == release.CauseRollback {
		marks = withServing(marks, s.Serving)
	}
	for i := range config.Services {
		service := &config.Services[i]
		service.Secrets = slices.Clone(service.Secrets)
		for j := range service.Secrets {
			name := service.Secrets[j].Name
			if marks[name] == "" {
				return noValue(name, service.Name, d.env)
			}
			service.Secrets[j].Mark = marks[name]
		}
	}
	return nil
}

func noValue(secret, service string, env release.Environment) error {
	return &release.UserError{
		Kind: release.KindNotFound, Err: fmt.Errorf("secret %s of %s has no value in %s", secret, service, env),
		Hint: "run it where the project is checked out with its secrets, or hand them over with " + env.Command("up"),
	}
}

// withServing are the marks of what serves, and those of others for names that it does not have.
func withServing(others map[string]release.Digest, serving *rollout.Serving) map[string]release.Digest {
	marks := maps.Clone(others)
	if serving == nil {
		return marks
	}
	if marks == nil {
		marks = map[string]release.Digest{}
	}
	for secret := range secretsOf(serving.Generation.Config) {
		marks[secret.Name] = secret.Mark
	}
	return marks
}

// forgetSecrets drops the values that no replica can be made with any more.
func (e *Engine) forgetSecrets(env release.Environment) error {
	s, err := e.environment(env)
	if err != nil || s.Serving == nil || s.Pending != nil { // what is pending goes on, or comes back to what was before
		return err
	}
	needed := map[release.Digest]bool{}
	for secret := range secretsOf(s.Serving.Generation.Config) {
		needed[secret.Mark] = true
	}
	return e.vault.Forget(env, needed)
}

// secretsOf are all uses of secrets in a configuration.
func secretsOf(config release.Config) iter.Seq[release.Secret] {
	return func(yield func(release.Secret) bool) {
		for _, service := range config.Services {
			for _, secret := range service.Secrets {
				if !yield(secret) {
					return
				}
			}
		}
	}
}
