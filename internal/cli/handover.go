package cli

import (
	"context"
	"fmt"

	"golang.org/x/sync/errgroup"

	"github.com/seaworthyhq/seaworthy/internal/api"
	"github.com/seaworthyhq/seaworthy/internal/build/session"
	"github.com/seaworthyhq/seaworthy/internal/event"
	"github.com/seaworthyhq/seaworthy/internal/git"
	"github.com/seaworthyhq/seaworthy/internal/project"
	"github.com/seaworthyhq/seaworthy/internal/release"
)

// gather does what does not depend on each other at the same time: it reads the project, asks git, and reaches the engine.
func (a *app) gather(ctx context.Context, o upOptions) (p *project.Project, origin release.Origin, client *api.Client, err error) {
	var src git.Source
	group, all := errgroup.WithContext(ctx)
	group.Go(func() (err error) { p, err = a.load(all, o.profiles); return err })
	group.Go(func() error { src = git.Look(all, a.dir, session.State+"/"); return nil })
	group.Go(func() (err error) { client, err = a.connect(all); return err })
	if err = group.Wait(); err == nil {
		origin, err = originOfProject(ctx, p, src)
	}
	return p, origin, client, err
}

// serveAndRun hands over what the engine cannot read itself and runs the request.
func serveAndRun(ctx context.Context, client *api.Client, p *project.Project, req *api.UpRequest, sink event.Sink) error {
	sessions, ignores, end, err := serveContexts(ctx, client, p)
	if err != nil {
		return err
	}
	defer end()
	req.Sessions, req.Ignores = sessions, ignores
	if req.Goal == api.GoalUp || req.Goal == api.GoalRelease || req.Goal == api.GoalPlan {
		if err := handOver(p, req); err != nil {
			return err
		}
	}
	return client.Up(ctx, *req, sink)
}

// serveContexts opens the build sessions of Dockerfiles, by their keys: one for all that may read the same, so that the engine sees
// that their context is one, and takes it over once.
func serveContexts(ctx context.Context, client *api.Client, p *project.Project) (ids map[string]string, ignores map[string][]byte, end func(), err error) {
	ids, ignores = map[string]string{}, map[string][]byte{}
	var open []*session.Session
	end = func() {
		for _, s := range open {
			_ = s.Close() // the engine has what it asked for
		}
	}
	defer func() {
		if err != nil {
			end()
		}
	}()
	groups, err := groupSources(p)
	if err != nil {
		return nil, nil, nil, err
	}
	for _, g := range groups {
		// It serves to the end of the call, which who has ended it still waits for.
		s, err := session.Serve(context.WithoutCancel(ctx), client.DialSession, g.sources)
		if err != nil {
			return nil, nil, nil, fmt.Errorf("serve context of %s: %w", g.dockerfiles[0].File, err)
		}
		open = append(open, s)
		for _, d := range g.dockerfiles {
			ids[d.Key] = s.ID()
			if ignores[d.Key], err = ignoreOf(d); err != nil {
				return nil, nil, nil, err
			}
		}
	}
	return ids, ignores, end, nil
}

// handOver reads the files and secrets that replicas are given.
func handOver(p *project.Project, req *api.UpRequest) error {
	req.Files = map[release.Digest][]byte{}
	for _, d := range p.Files() {
		content, err := p.Content(d)
		if err != nil {
			return err
		}
		req.Files[d] = content
	}
	req.Secrets = map[string][]byte{}
	for _, s := range p.Environment.Secrets {
		value, err := p.Secret(s)
		if err != nil {
			return err
		}
		req.Secrets[s.Name] = value
	}
	return nil
}

// ignoreOf is the ignore file that holds for a Dockerfile: read here, it saves the engine a round trip.
func ignoreOf(d *project.Dockerfile) ([]byte, error) {
	if d.Remote || d.Path == "" { // the builder looks for it
		return nil, nil
	}
	content, err := session.Ignore(d.Context, d.Path)
	if content == nil {
		content = []byte{}
	}
	return content, err
}
