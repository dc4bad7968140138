package main

import (
	"context"
	"errors"
	"fmt"
)

// measureUnchanged is the whole process of up beside what others need for their build alone.
func measureUnchanged(ctx context.Context, l *lab) ([]table, error) {
	ours, err := l.serveOurs(ctx, "app", nil)
	if err != nil {
		return nil, err
	}
	kit, err := l.buildkit(ctx)
	if err != nil {
		return nil, err
	}
	engine, theirs, err := l.serveDockers(ctx, "docker")
	if err != nil {
		return nil, err
	}
	got, err := interleave(ctx, l.rounds(15),
		subject{"seaworthy up: build, check, release, deploy", func(ctx context.Context) (float64, error) {
			return timed(func() error { return l.ourSite.run(ctx, ours, "up") })
		}},
		subject{"buildctl build, no export", func(ctx context.Context) (float64, error) {
			return timed(func() error { return kit.build(ctx, theirs) })
		}},
		subject{"docker build", func(ctx context.Context) (float64, error) {
			return timed(func() error { return engine.build(ctx, theirs, "") })
		}},
	)
	if err != nil {
		return nil, err
	}
	up, buildctl, docker := got[0], got[1], got[2]
	return []table{{Title: "up with nothing changed, whole process", Unit: "ms", Lines: []line{
		own(up), beside(up, buildctl), beside(up, docker),
		beside(up, fastest("the faster of the two", buildctl, docker)).most(1),
	}}}, nil
}

// serveOurs brings a copy of the example up in Seaworthy.
func (l *lab) serveOurs(ctx context.Context, name string, edit func(*app) error) (*app, error) {
	s, err := l.site(ctx)
	if err != nil {
		return nil, err
	}
	known := l.apps[name] != nil
	a, err := l.app(name, edit)
	if err != nil || known {
		return a, err
	}
	return a, s.serve(ctx, a)
}

// serveDockers brings a copy of the example up in Docker.
func (l *lab) serveDockers(ctx context.Context, name string) (*docker, *app, error) {
	d, err := l.docker(ctx)
	if err != nil {
		return nil, nil, err
	}
	known := l.apps[name] != nil
	a, err := l.app(name, forDocker)
	if err != nil || known {
		return d, a, err
	}
	return d, a, d.serve(ctx, a)
}

func measureStatus(ctx context.Context, l *lab) ([]table, error) {
	a, err := l.serveOurs(ctx, "app", nil)
	if err != nil {
		return nil, err
	}
	got, err := interleave(ctx, l.rounds(15), subject{"seaworthy status", func(ctx context.Context) (float64, error) {
		return timed(func() error { return l.ourSite.run(ctx, a, "status") })
	}})
	if err != nil {
		return nil, err
	}
	return []table{{Title: "status, whole process", Unit: "ms", Lines: []line{own(got[0]).most(60)}}}, nil
}

// measureChange changes one line and waits until the new version answers.
func measureChange(ctx context.Context, l *lab) ([]table, error) {
	checked, err := l.serveOurs(ctx, "app", nil)
	if err != nil {
		return nil, err
	}
	plain, err := l.serveOurs(ctx, "plain", withoutCheck)
	if err != nil {
		return nil, err
	}
	d, replaced, err := l.serveDockers(ctx, "docker")
	if err != nil {
		return nil, err
	}
	if err := d.build(ctx, replaced, "test"); err != nil {
		return nil, err
	}
	limit, err := l.app("byhand", nil)
	if err != nil {
		return nil, err
	}
	hand, err := l.byHand("r", limit)
	if err != nil {
		return nil, err
	}
	docker := func(ctx context.Context, version string) error {
		if err := d.build(ctx, replaced, ""); err != nil {
			return err
		}
		if err := d.replace(ctx, replaced); err != nil {
			return err
		}
		return answers(ctx, replaced.url("version"), version)
	}
	got, err := interleave(ctx, l.rounds(7),
		changed("seaworthy up: build, update 2 replicas", plain, func(ctx context.Context, version string) error {
			return l.upTo(ctx, plain, version)
		}),
		changed("seaworthy up: build, check, update 2 replicas", checked, func(ctx context.Context, version string) error {
			return l.upTo(ctx, checked, version)
		}),
		changed("docker build, rm -f, run", replaced, docker),
		changed("docker build --target test, build, rm -f, run", replaced, func(ctx context.Context, version string) error {
			if err := d.build(ctx, replaced, "test"); err != nil {
				return err
			}
			return docker(ctx, version)
		}),
		subject{"the limit: go build on the host, runc run", func(ctx context.Context) (float64, error) {
			return hand.change(ctx)
		}},
	)
	if err != nil {
		return nil, err
	}
	return []table{
		{Title: "one line changed → the new version answers, whole process; what docker build builds", Unit: "ms", Lines: []line{
			own(got[0]), beside(got[0], got[2]).most(0.5), beside(got[0], got[4]),
		}, Notes: []string{"Seaworthy replaces 2 replicas and the old ones serve meanwhile; Docker replaces 1 container and is down meanwhile."}},
		{Title: "one line changed → the new version answers, whole process; with the check, which docker build skips", Unit: "ms", Lines: []line{
			own(got[1]), beside(got[1], got[3]).most(0.5), beside(got[1], got[2]), beside(got[1], got[4]),
		}},
	}, nil
}

// changed changes a line and measures what brings the change about.
func changed(name string, a *app, update func(ctx context.Context, version string) error) subject {
	return subject{name, func(ctx context.Context) (float64, error) {
		version, err := a.newVersion()
		if err != nil {
			return 0, err
		}
		return timed(func() error { return update(ctx, version) })
	}}
}

// upTo returns when all answers are the new version's; it is an error if one is not once up has returned.
func (l *lab) upTo(ctx context.Context, a *app, version string) error {
	if err := l.ourSite.run(ctx, a, "up"); err != nil {
		return err
	}
	for range 4 {
		got, err := ask(ctx, a.url("version"))
		if err != nil || got != version {
			return fmt.Errorf("up has returned and %s answers %q, not %q: %w", a.url("version"), got, version, err)
		}
	}
	return nil
}

func (h *byHand) change(ctx context.Context) (float64, error) {
	version, err := h.app.newVersion()
	if err != nil {
		return 0, err
	}
	var stop func() error
	took, err := timed(func() error {
		if err := h.build(ctx); err != nil {
			return err
		}
		stop, err = h.start(ctx, version)
		return err
	})
	if stop != nil {
		err = errors.Join(err, stop())
	}
	return took, err
}
