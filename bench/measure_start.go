package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/seaworthyhq/seaworthy/internal/event"
)

// measureStart is from the moment at which the engine begins to start a replica to the first answer through the edge.
func measureStart(ctx context.Context, l *lab) ([]table, error) {
	one := withReplicas(1)
	bare, err := l.serveOurs(ctx, "bare", all(one, withoutCheck, withoutHealthcheck))
	if err != nil {
		return nil, err
	}
	asked, err := l.serveOurs(ctx, "asked", all(one, withoutCheck))
	if err != nil {
		return nil, err
	}
	plain, confined, version, err := l.startersByHand(ctx, bare)
	if err != nil {
		return nil, err
	}
	got, err := interleave(ctx, l.rounds(10),
		subject{"seaworthy: it is well when its port answers", func(ctx context.Context) (float64, error) { return l.startOne(ctx, bare) }},
		subject{"seaworthy: the image's HEALTHCHECK is run first", func(ctx context.Context) (float64, error) { return l.startOne(ctx, asked) }},
		subject{"runc run by hand", func(ctx context.Context) (float64, error) { return plain.startAndStop(ctx, version) }},
		subject{"runc run by hand, confined as the replica is", func(ctx context.Context) (float64, error) {
			return confined.startAndStop(ctx, version)
		}},
	)
	if err != nil {
		return nil, err
	}
	return []table{{Title: "one replica: start → first answer through the edge", Unit: "ms", Lines: []line{
		own(got[0]), beside(got[0], got[2]).most(2), beside(got[0], got[3]),
		own(got[1]), beside(got[1], got[2]).most(2), beside(got[1], got[3]),
	}, Notes: []string{"Seaworthy's has a network, an address, a volume and a log of its own; runc's has the host's network and none of the rest."}}}, nil
}

// startersByHand are two bundles of the same program: one as runc spec has it, one with what a replica of a is confined to.
func (l *lab) startersByHand(ctx context.Context, a *app) (plain, confined *byHand, version string, err error) {
	limit, err := l.app("byhand", nil)
	if err != nil {
		return nil, nil, "", err
	}
	if version, err = limit.newVersion(); err != nil {
		return nil, nil, "", err
	}
	if plain, err = l.byHand("r", limit); err != nil {
		return nil, nil, "", err
	}
	if confined, err = l.byHand("rc", limit); err != nil {
		return nil, nil, "", err
	}
	if err := confined.confineAs(l.ourSite.specOf(a)); err != nil {
		return nil, nil, "", err
	}
	return plain, confined, version, errors.Join(plain.build(ctx), confined.build(ctx))
}

// startOne scales from none to one and takes the time from the start step to the first answer.
func (l *lab) startOne(ctx context.Context, a *app) (float64, error) {
	if err := l.ourSite.run(ctx, a, "scale", "web=0"); err != nil {
		return 0, err
	}
	cmd := l.ourSite.command(ctx, "-C", a.dir, "scale", "web=1", "--json")
	out, err := cmd.StdoutPipe()
	if err != nil {
		return 0, err
	}
	if err := cmd.Start(); err != nil {
		return 0, err
	}
	answered := make(chan error, 1)
	var first time.Time
	go func() {
		err := answers(ctx, a.url("version"), "")
		first = time.Now()
		answered <- err
	}()
	began, err := stepBegan(out, "start ")
	err = errors.Join(err, cmd.Wait(), <-answered)
	return milliseconds(first.Sub(began)), err
}

// stepBegan reads events to their end and returns when the first of these steps of the rollout began.
func stepBegan(events io.Reader, step string) (time.Time, error) {
	var began time.Time
	lines := bufio.NewScanner(events)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var e event.Event
		if err := json.Unmarshal(lines.Bytes(), &e); err != nil {
			return began, err
		}
		if e.Step != nil && e.Step.State == event.Started && strings.HasPrefix(e.Step.Key, "rollout:"+step) && began.IsZero() {
			began = e.Time
		}
	}
	if began.IsZero() {
		return began, fmt.Errorf("no step %q began: %w", step, lines.Err())
	}
	return began, lines.Err()
}

// measureTen updates ten replicas; both versions have been built, so that the rollout is what takes the time.
func measureTen(ctx context.Context, l *lab) ([]table, error) {
	a, err := l.serveOurs(ctx, "ten", all(withReplicas(10), withoutCheck))
	if err != nil {
		return nil, err
	}
	turn := 0
	if err := l.flip(ctx, a, &turn); err != nil {
		return nil, err
	}
	got, err := interleave(ctx, l.rounds(5), subject{"seaworthy up: 10 replicas replaced, each asked its HEALTHCHECK", func(ctx context.Context) (float64, error) {
		return timed(func() error { return l.flip(ctx, a, &turn) })
	}})
	if err != nil {
		return nil, err
	}
	return []table{{
		Title: "10 replicas updated, whole process", Unit: "ms", Lines: []line{own(got[0]).most(3000)},
		Notes: []string{"The application's own start is in it."},
	}}, nil
}

// flip updates to the other one of two versions.
func (l *lab) flip(ctx context.Context, a *app, turn *int) error {
	*turn++
	version, err := a.setVersion(fmt.Sprintf("hrefcounter %d", 1+*turn%2))
	if err != nil {
		return err
	}
	return l.upTo(ctx, a, version)
}
