package engine

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net"
	"path/filepath"
	"slices"
	"strconv"
	"time"

	"github.com/seaworthyhq/seaworthy/internal/api"
	"github.com/seaworthyhq/seaworthy/internal/event"
	"github.com/seaworthyhq/seaworthy/internal/ledger"
	"github.com/seaworthyhq/seaworthy/internal/release"
	"github.com/seaworthyhq/seaworthy/internal/rollout"
	"github.com/seaworthyhq/seaworthy/internal/state"
)

// deployment is what is asked for, before it has a number.
type deployment struct {
	env      release.Environment
	record   state.Record
	cause    release.Cause
	actor    string
	secrets  map[string][]byte
	handOver bool           // secrets replace those that are kept
	scale    map[string]int // by hand, from now on
	hold     string         // why the environment is held afterwards
	down     bool
	planned  *api.Planned // the plan that it has to be; nil: any
	dry      bool         // only planned: nothing is decided for good
	after    func() error // belongs to the environment's turn, after success; may be nil
}

// work says for what others wait.
func (d deployment) work() work {
	return work{
		what: fmt.Sprintf("%s of %s by %s", d.cause, d.record.ID.Short(), d.actor), canGiveUp: d.cause.CanBeGivenUp(),
		urgent: d.cause == release.CauseRollback, // what waits finds the environment held then
	}
}

// request is a deployment that is decided on when the environment's turn has come: until then something else may serve in it.
type request struct {
	env    release.Environment
	work   work
	decide func() (deployment, error)
}

// deploy takes the environment's turn and deploys.
func (e *Engine) deploy(ctx context.Context, r request, sink event.Sink) error {
	return e.inTurn(ctx, r.env, r.work, sink, func(ctx context.Context) error {
		d, err := r.decide()
		if err != nil {
			return err
		}
		if err := e.deployNow(ctx, d, sink); err != nil || d.after == nil {
			return err
		}
		return d.after()
	})
}

// inTurn runs f when the environment's turn has come. A caller that goes away while it waits has taken back what it asked for;
// from then on f runs to its end.
func (e *Engine) inTurn(ctx context.Context, env release.Environment, w work, sink event.Sink, f func(context.Context) error) error {
	give, err := e.turns.take(ctx, env, w, sink)
	if err != nil {
		return err
	}
	return e.finish(ctx, func(ctx context.Context) error {
		defer give()
		return f(ctx)
	})
}

// deployNow records the intent, rolls out, and records the result.
func (e *Engine) deployNow(ctx context.Context, d deployment, sink event.Sink) error {
	s, err := e.environment(d.env)
	if err != nil {
		return err
	}
	if err := e.checkPlanned(ctx, d, s); err != nil {
		return err
	}
	if d.planned != nil {
		s.Pins = pinsOf(d.record.Release.Environments[d.env.Name])
	}
	scale := maps.Clone(s.Scale)
	desired, err := e.desired(d, &s)
	if err != nil {
		return err
	}
	site := e.machine.Site(d.env)
	observed, err := site.Observe(ctx)
	if err != nil {
		return err
	}
	if d.handOver {
		if err := e.vault.HandOver(d.env, d.secrets); err != nil {
			return err
		}
	}
	p := rollout.PlanDeploy(observed, desired)
	if p.Empty() && s.Pending == nil {
		sink.Emit(p.Event())
		if err := e.settle(d, s); err != nil {
			return err
		}
		sayHeld(d, sink)
		return nil
	}
	if err := e.checkMounts(desired.Generation.Config); err != nil {
		return err
	}
	if err := e.checkPorts(ctx, d.env, observed.Serving, desired.Generation.Config); err != nil {
		return err
	}
	dep := release.Deployment{
		Environment: d.env, Number: desired.Generation.Deployment, Release: d.record.ID, Cause: d.cause, Actor: d.actor,
		Result: release.Running, Plan: p.String(), Started: time.Now().UTC(),
	}
	intent := state.Pending{Deployment: dep, Desired: desired, Scale: s.Scale}
	s.Scale = scale // until it has succeeded
	return e.begin(ctx, d, s, intent, sink)
}

// settle records what a deployment says besides what runs, when there is nothing to roll out.
func (e *Engine) settle(d deployment, s state.Environment) error {
	if d.hold == "" && d.scale == nil {
		return nil
	}
	if d.hold != "" {
		s.Held = d.hold
	}
	return e.db.Update(func(tx state.Tx) error { return tx.PutEnvironment(s) })
}

// begin records the intent and what was decided with it, and rolls out.
func (e *Engine) begin(ctx context.Context, d deployment, s state.Environment, intent state.Pending, sink event.Sink) error {
	u, err := e.start(s, intent)
	if err != nil {
		return err
	}
	defer e.rollouts.end(u)
	if err := e.rollOut(ctx, u, d, sink); err != nil {
		return err
	}
	e.warnUnattended(d, sink)
	return nil
}

// start records the intent. Who finds it on record finds it under way, too.
func (e *Engine) start(s state.Environment, intent state.Pending) (u *underWay, err error) {
	err = e.db.Update(func(tx state.Tx) error {
		// Checked before, but another deployment may have been faster: from here on who is on record is first.
		if err := checkClaims(tx, s.Environment, intent.Desired.Generation.Config); err != nil {
			return err
		}
		if err := tx.PutEnvironment(s); err != nil { // chosen ports
			return err
		}
		started, err := tx.StartDeployment(intent.Deployment, intent.Desired)
		if err != nil {
			return err
		}
		started.Pending.Scale = intent.Scale
		u = e.rollouts.begin(intent)
		return tx.PutEnvironment(started)
	})
	if err != nil && u != nil {
		e.rollouts.end(u)
	}
	return u, err
}

// rollOut brings a recorded deployment to its end and records how it ended.
func (e *Engine) rollOut(ctx context.Context, u *underWay, d deployment, sink event.Sink) error {
	dep, desired := u.intent.Deployment, u.intent.Desired
	site := e.machine.Site(dep.Environment)
	site.Expect(generations(desired)...)
	sink.Emit(event.Event{Type: event.TypeDeployment, Deployment: &dep})
	result, err := e.run(ctx, u, desired, sink)
	if ctx.Err() != nil {
		return context.Cause(ctx) // the engine stops: the intent stays, and the next engine goes on with it
	}
	site.Expect()
	if err := e.machine.Apply(ctx); err != nil { // what only the rollout needed
		e.log.Error("apply routes after a rollout", "error", err)
	}
	dep.Result, dep.Ended = result, time.Now().UTC()
	if err != nil {
		dep.Error = reason(err)
	}
	recorded := e.write(func(tx state.Tx) error {
		if err := tx.EndDeployment(dep); err != nil || dep.Result != release.Succeeded {
			return err
		}
		return e.concluded(tx, d, u.intent.Scale)
	})
	recorded = errors.Join(recorded, e.forgetSecrets(dep.Environment))
	sink.Emit(event.Event{Type: event.TypeDeployment, Deployment: &dep})
	if err == nil && recorded == nil {
		announceAddresses(desired.Generation.Config, sink)
		sayHeld(d, sink)
		e.collectAfterwards()
	}
	return errors.Join(err, recorded)
}

// generations are those that may have replicas while the environment is brought to what is desired.
func generations(desired rollout.Desired) []rollout.Generation {
	all := []rollout.Generation{desired.Generation}
	if desired.Before != nil {
		all = append(all, *desired.Before)
	}
	return all
}

// concluded records what holds from a deployment's success on.
func (e *Engine) concluded(tx state.Tx, d deployment, scale map[string]state.Scale) error {
	s, err := tx.Environment(d.env)
	if err != nil {
		return err
	}
	fresh := d.hold != "" && d.hold != s.Held
	s.Held, s.Scale = d.hold, scale
	if err := tx.PutEnvironment(s); err != nil || !fresh {
		return err
	}
	return tx.Record(ledger.EnvironmentHeld, d.env, d.env.String(), d.actor, d.hold)
}

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

// checkMounts refuses mounts of the host that would hand over the engine: of its state root, what is in it, or what it is in.
func (e *Engine) checkMounts(config release.Config) error {
	root := realPath(e.cfg.Root)
	for _, s := range config.Services {
		for _, m := range s.Mounts {
			if m.Kind != release.MountBind {
				continue
			}
			source := realPath(m.Source)
			if isBelow(source, root) || isBelow(root, source) || isBelow(source, "/run/seaworthy") {
				return &release.UserError{
					Kind: release.KindProject, Err: fmt.Errorf("%s mounts %s, which would hand over the engine: its state root is %s", s.Name, m.Source, e.cfg.Root),
					Hint: "mount something else, or use a named volume",
				}
			}
		}
	}
	return nil
}

// realPath is where links lead to; a path that is not there stays as it is.
func realPath(path string) string {
	if resolved, err := filepath.EvalSymlinks(path); err == nil {
		return resolved
	}
	return filepath.Clean(path)
}

func isBelow(path, dir string) bool {
	rel, err := filepath.Rel(dir, path)
	return err == nil && filepath.IsLocal(rel)
}

func announceAddresses(config release.Config, sink event.Sink) {
	for _, s := range config.Services {
		if s.Replicas == 0 && len(s.Ports) > 0 {
			text := s.Name + ": 0 replicas, nothing answers"
			sink.Emit(event.Event{Type: event.TypeMessage, Message: &event.Message{Level: event.Info, Text: text}})
			continue
		}
		for _, p := range s.Ports {
			host := p.HostIP
			if host == "" {
				host = "localhost"
			}
			text := fmt.Sprintf("%s: http://%s", s.Name, net.JoinHostPort(host, strconv.Itoa(p.Published)))
			if p.Protocol == "udp" {
				text = fmt.Sprintf("%s: udp://%s", s.Name, net.JoinHostPort(host, strconv.Itoa(p.Published)))
			}
			sink.Emit(event.Event{Type: event.TypeMessage, Message: &event.Message{Level: event.Info, Text: text}})
		}
	}
}
