package engine

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"github.com/seaworthyhq/seaworthy/internal/api"
	"github.com/seaworthyhq/seaworthy/internal/release"
	"github.com/seaworthyhq/seaworthy/internal/rollout"
	"github.com/seaworthyhq/seaworthy/internal/state"
)

func (e *Engine) status(env release.Environment) ([]api.EnvironmentStatus, error) {
	out := []api.EnvironmentStatus{}
	err := e.db.View(func(tx state.Tx) error {
		all, err := tx.Environments()
		if err != nil {
			return err
		}
		for _, s := range all {
			if env.Project != "" && s.Environment.Project != env.Project || env.Name != "" && s.Environment.Name != env.Name {
				continue
			}
			out = append(out, e.statusOf(tx, s))
		}
		return nil
	})
	return out, err
}

func (e *Engine) statusOf(tx state.Tx, s state.Environment) api.EnvironmentStatus {
	out := api.EnvironmentStatus{Environment: s.Environment, Held: s.Held}
	out.Busy, out.Waiting = e.turns.line(s.Environment)
	if s.Pending != nil {
		out.Pending = &s.Pending.Deployment
	}
	if last, err := tx.Deployment(s.Environment, s.Last); err == nil {
		out.Last = &last
	}
	if s.Serving == nil || len(s.Serving.Generation.Config.Services) == 0 {
		return out
	}
	g := s.Serving.Generation
	out.Release = g.Release
	if rec, err := tx.Release(g.Release); err == nil {
		out.Origin = rec.Origin()
	}
	if d, err := tx.Deployment(s.Environment, g.Deployment); err == nil {
		out.Deployment = &d
	}
	replicas := e.machine.Replicas(s.Environment)
	for _, service := range g.Config.Services {
		status := serviceStatus(service, s.Serving, replicas)
		_, status.Scaled = s.Scale[service.Name]
		status.Updating = updates(s.Pending, g, service.Name)
		out.Services = append(out.Services, status)
	}
	return out
}

// updates reports whether a deployment under way is about to replace the service that serves.
func updates(p *state.Pending, serving rollout.Generation, service string) bool {
	if p == nil || p.Deployment.Number == serving.Deployment {
		return false
	}
	next := p.Desired.Generation.Config.Spec(service)
	return next != "" && next != serving.Config.Spec(service)
}

func serviceStatus(service release.Service, serving *rollout.Serving, all []release.Replica) api.ServiceStatus {
	out := api.ServiceStatus{Name: service.Name, Image: service.Image, Desired: service.Replicas, OneShot: service.OneShot, Ports: service.Ports}
	for _, r := range all {
		if r.Service != service.Name || !counts(service, serving, r) {
			continue
		}
		out.Replicas = append(out.Replicas, r)
		if service.Completed(r) {
			out.Completed++
		}
		if r.State == release.StateRunning && (r.Health == release.HealthHealthy || r.Health == release.HealthUnchecked) {
			out.Healthy++
		}
	}
	return out
}

// counts reports whether a replica is one of those that serve: of a job, that did the work for them. Where requests wait, it is the
// one that takes its leave, and then the one that comes.
func counts(service release.Service, serving *rollout.Serving, r release.Replica) bool {
	switch {
	case service.OneShot:
		return r.Spec == serving.Generation.Config.Spec(service.Name)
	case serving.Holds(service.Name):
		return r.State == release.StateRunning
	}
	return slices.Contains(serving.Replicas[service.Name], r.ID)
}

func (e *Engine) history(env release.Environment, limit int) ([]api.HistoryEntry, error) {
	out := []api.HistoryEntry{}
	err := e.db.View(func(tx state.Tx) error {
		all, err := tx.Deployments(env, limit)
		if err != nil {
			return err
		}
		for _, d := range all {
			_, err := tx.Release(d.Release)
			out = append(out, api.HistoryEntry{Deployment: d, Collected: d.Release != "" && errors.Is(err, state.ErrNotFound)})
		}
		return nil
	})
	return out, err
}

func (e *Engine) volumes(env release.Environment) ([]api.VolumeInfo, error) {
	all, err := e.runtime.Volumes(env)
	if err != nil {
		return nil, err
	}
	s, err := e.environment(env)
	if err != nil {
		return nil, err
	}
	out := []api.VolumeInfo{}
	for _, v := range all {
		info := api.VolumeInfo{Environment: env, Name: v.Name, Bytes: diskUsed(v.Path), Empty: isEmpty(v.Path)}
		if s.Serving != nil {
			info.UsedBy = usersOf(s.Serving.Generation.Config, v.Name)
		}
		out = append(out, info)
	}
	return out, nil
}

func usersOf(c release.Config, volume string) []string {
	var users []string
	for _, s := range c.Services {
		if slices.ContainsFunc(s.Mounts, func(m release.Mount) bool { return m.Kind == release.MountVolume && m.Source == volume }) {
			users = append(users, s.Name)
		}
	}
	return users
}

func (e *Engine) info(ctx context.Context) (api.EngineInfo, error) {
	out := api.EngineInfo{
		Version: e.cfg.Version, PID: os.Getpid(), Root: e.cfg.Root, Started: e.started, Busy: append(e.builds.busy(), e.turns.busy()...),
		Runtime: e.runtime.OCIRuntime(),
	}
	if why := e.runtime.PassedOver(); why != nil {
		out.NotCrun = why.Error()
	}
	if s, err := e.edge.Status(ctx); err == nil {
		out.Edge = s.PID
	}
	for _, env := range e.runtime.Environments() {
		for _, r := range e.runtime.Replicas(env) {
			if r.State == release.StateRunning {
				out.Replicas++
			}
		}
	}
	return out, nil
}

// diskUsed is what a folder takes on the disk, in bytes; hard links count once for each name. Mounts of replicas are left
// out: they show what the snapshots hold already.
func diskUsed(dir string) int64 {
	var total int64
	_ = filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error { // what goes away meanwhile counts nothing
		if err != nil {
			return nil //nolint:nilerr // it has gone meanwhile
		}
		if d.IsDir() && strings.HasSuffix(path, "/rootfs") {
			return filepath.SkipDir
		}
		if info, err := d.Info(); err == nil {
			if st, ok := info.Sys().(*syscall.Stat_t); ok && st.Nlink > 0 {
				total += st.Blocks * 512 / int64(st.Nlink)
			}
		}
		return nil
	})
	return total
}
