package machine

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/seaworthyhq/seaworthy/internal/release"
	"github.com/seaworthyhq/seaworthy/internal/rollout"
)

// Await returns when what until says is true of the replica, or with the reason why it cannot become true.
func (s *Site) Await(ctx context.Context, id string, until rollout.Until, limit time.Duration, say func(string)) error {
	switch until {
	case rollout.Ended:
		return s.awaitEnd(ctx, id, limit)
	case rollout.Steady:
		return s.awaitSteady(ctx, id, limit)
	default:
		return s.awaitWell(ctx, id, limit, say)
	}
}

func (s *Site) awaitEnd(ctx context.Context, id string, limit time.Duration) error {
	ctx, cancel := context.WithTimeoutCause(ctx, limit, fmt.Errorf("it did not end within %s", limit))
	defer cancel()
	c := candidate{site: s}
	return s.watch(ctx, id, func(r release.Replica) (bool, error) {
		switch {
		case r.State == release.StateRunning:
			return false, nil
		case r.ExitKnown && r.ExitCode == 0:
			return true, nil
		}
		return false, c.retry(ctx, r)
	})
}

func (s *Site) awaitWell(ctx context.Context, id string, limit time.Duration, say func(string)) error {
	ctx, cancel := context.WithTimeoutCause(ctx, limit, fmt.Errorf("it was not healthy within %s", limit))
	defer cancel()
	c, said, began := candidate{site: s}, "", time.Now()
	return s.watch(ctx, id, func(r release.Replica) (bool, error) {
		switch {
		case s.completed(r):
			return true, nil
		case r.State != release.StateRunning:
			return false, c.retry(ctx, r)
		case r.Health == release.HealthUnhealthy:
			return false, errors.New("it is unhealthy" + detail(s.machine.health.output(id)))
		}
		if r.Health != release.HealthStarting {
			return true, nil
		}
		if why := line(s.machine.health.output(id)); why != said && time.Since(began) > quick {
			said = why
			say(why)
		}
		return false, nil
	})
}

// quick is how long nobody asks why a replica is not well yet.
const quick = time.Second

// candidate is a replica that has yet to be well.
type candidate struct {
	site    *Site
	granted *restarts // from its first end on
}

// retry starts it again where it has ended, or says why not.
func (c *candidate) retry(ctx context.Context, r release.Replica) error {
	service := c.site.serviceOf(r)
	if service == nil {
		return exited(r)
	}
	if c.granted == nil {
		c.granted = candidateRestarts(*service)
	}
	pause, again := c.granted.next(r)
	if !again || !sleep(ctx, pause) {
		return exited(r)
	}
	return c.site.startAgain(ctx, r)
}

func (s *Site) awaitSteady(ctx context.Context, id string, limit time.Duration) error {
	watched, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	err := s.watch(watched, id, func(r release.Replica) (bool, error) {
		switch {
		case s.completed(r):
			return true, nil
		case r.State != release.StateRunning:
			return false, exited(r)
		case r.Health == release.HealthUnhealthy:
			return false, errors.New("it became unhealthy" + detail(s.machine.health.output(id)))
		}
		return false, nil
	})
	if errors.Is(err, context.DeadlineExceeded) && ctx.Err() == nil {
		return nil
	}
	return err
}

// watch calls check whenever the replica or its health may have changed, until it says that it is done, or why not.
func (s *Site) watch(ctx context.Context, id string, check func(release.Replica) (bool, error)) error {
	changed, stop := s.machine.health.listen()
	defer stop()
	watchCtx, cancel := context.WithCancel(ctx)
	defer cancel()
	changes := s.machine.runtime.Watch(watchCtx)
	for {
		r, err := s.machine.runtime.Replica(id)
		if err != nil {
			return err
		}
		r.Health = s.machine.health.of(r)
		done, err := check(r)
		if err != nil {
			return s.failed(ctx, r, err)
		}
		if done {
			return nil
		}
		select {
		case <-ctx.Done():
			if cause := context.Cause(ctx); !errors.Is(cause, context.DeadlineExceeded) && !errors.Is(cause, context.Canceled) {
				return s.failed(ctx, r, errors.New(cause.Error()+detail(s.machine.health.output(id))))
			}
			return context.Cause(ctx)
		case <-changed:
		case <-changes:
		}
	}
}

// completed reports whether the replica has ended as its service may.
func (s *Site) completed(r release.Replica) bool {
	service := s.serviceOf(r)
	return service != nil && service.Completed(r)
}

// failed is the error about a replica, with the end of its log.
func (s *Site) failed(ctx context.Context, r release.Replica, err error) error {
	hint := fmt.Sprintf("%s --deployment %d %s shows the whole log", s.env.Command("logs"), r.Deployment, r.Service)
	if service := s.serviceOf(r); service != nil {
		hint = meantToBe(*service, r) + hint
	}
	return &release.UserError{
		Kind:   release.KindRollout,
		Err:    fmt.Errorf("%s %d: %w", r.Service, r.Index, err),
		Detail: s.said(context.WithoutCancel(ctx), r.ID),
		Hint:   hint,
	}
}

// meantToBe is what to write where a replica is as it is meant to be, and nobody has said so.
func meantToBe(s release.Service, r release.Replica) string {
	switch {
	case r.State == release.StateExited && r.ExitKnown && r.ExitCode == 0 && s.Restart.Condition == "" && len(s.Ports) == 0:
		return `write restart: "no" if it is meant to end; `
	case r.State == release.StateRunning && r.Health == release.HealthStarting && knocks(s):
		return "write healthcheck: {disable: true} if it answers at no port; "
	}
	return ""
}

func exited(r release.Replica) error {
	switch {
	case r.OOMKilled:
		return errors.New("it ran out of memory")
	case r.ExitKnown:
		return fmt.Errorf("it exited with code %d", r.ExitCode)
	}
	return errors.New("it does not run")
}

// maxDetail is how much of a line an error quotes, in bytes.
const maxDetail = 200

// detail is line for the end of an error.
func detail(output string) string {
	if output == "" {
		return ""
	}
	return ": " + line(output)
}

// line is the first line of what a health check wrote; the rest is below the error.
func line(output string) string {
	first, _, more := strings.Cut(output, "\n")
	if len(first) > maxDetail {
		first, more = strings.ToValidUTF8(first[:maxDetail], ""), true
	}
	if more {
		first += " …"
	}
	return first
}
