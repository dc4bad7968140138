package engine

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"maps"
	"strings"
	"sync"

	"github.com/seaworthyhq/seaworthy/internal/api"
	"github.com/seaworthyhq/seaworthy/internal/release"
	"github.com/seaworthyhq/seaworthy/internal/rollout"
	"github.com/seaworthyhq/seaworthy/internal/runtime"
)

// oneOff makes a replica beside what serves, for one command: like the service's own, but without traffic, health check and
// restart.
func (e *Engine) oneOff(ctx context.Context, req api.ExecRequest) (attached, func(), error) {
	s, err := e.environment(req.Environment)
	if err != nil {
		return nil, nil, err
	}
	if err := e.knowService(s, req.Service); err != nil {
		return nil, nil, err
	}
	if s.Serving == nil || s.Serving.Generation.Config.Service(req.Service) == nil {
		return nil, nil, nothingServes(req.Environment)
	}
	spec, err := e.oneOffSpec(s.Serving.Generation, req)
	if err != nil {
		return nil, nil, err
	}
	if err := e.runtime.Create(ctx, spec); err != nil {
		return nil, nil, err
	}
	remove := sync.OnceFunc(func() { e.removeOneOff(spec.ID) })
	if err := e.machine.Apply(ctx); err != nil { // the names that it sees follow from its address
		remove()
		return nil, nil, err
	}
	return func(ctx context.Context, a runtime.Attachment) (int, error) {
		rep, err := e.runtime.RunAttached(ctx, spec.ID, a)
		if err == nil && (rep.OOMKilled || !rep.ExitKnown) {
			err = &release.UserError{Kind: release.KindRollout, Err: errors.New(rep.Detail), Hint: req.Environment.Command("config") + " shows the limits of the service"}
		}
		return rep.ExitCode, err
	}, remove, nil
}

func (e *Engine) oneOffSpec(g rollout.Generation, req api.ExecRequest) (runtime.Spec, error) {
	service := oneOffService(*g.Config.Service(req.Service), req)
	secrets, err := keeper{e}.Secrets(req.Environment, service.Secrets)
	if err != nil {
		return runtime.Spec{}, err
	}
	id := rollout.ReplicaID(req.Environment, service.Name+"-run", release.DigestOf([]byte(rand.Text())), 1)
	return runtime.Spec{
		ID: id, Environment: req.Environment, Service: service, Deployment: g.Deployment, Release: g.Release, Index: 1,
		OneOff: true, Size: sizeOf(req), Secrets: secrets,
	}, nil
}

// oneOffService is the service with what the caller wants otherwise.
func oneOffService(service release.Service, req api.ExecRequest) release.Service {
	service.TTY, service.StdinOpen = req.TTY, false // what the caller gives is its input
	if req.Entrypoint != nil {
		service.Entrypoint, service.Command = req.Entrypoint, []string{}
	}
	if len(req.Args) > 0 {
		service.Command = req.Args
	}
	if req.User != "" {
		service.User = req.User
	}
	if req.WorkingDir != "" {
		service.WorkingDir = req.WorkingDir
	}
	service.Environment = maps.Clone(service.Environment)
	for _, variable := range req.Env {
		if service.Environment == nil {
			service.Environment = map[string]string{}
		}
		name, value, _ := strings.Cut(variable, "=")
		service.Environment[name] = value
	}
	return service
}

// removeOneOff removes it even when the engine ends: that waits for it.
func (e *Engine) removeOneOff(id string) {
	ctx := context.WithoutCancel(e.life)
	err := e.runtime.Remove(ctx, id)
	if err == nil {
		err = e.machine.Apply(ctx)
	}
	if err != nil {
		e.log.Error("remove one-off", "replica", id, "error", err) // the next engine tries again
	}
}

// endOneOffs removes the one-offs of an environment that is taken down.
func (e *Engine) endOneOffs(ctx context.Context, env release.Environment) error {
	var errs []error
	for _, r := range e.runtime.OneOffs(env) {
		if err := e.runtime.Remove(ctx, r.ID); err != nil {
			errs = append(errs, fmt.Errorf("end %s: %w", r.ID, err))
		}
	}
	return errors.Join(errs...)
}
