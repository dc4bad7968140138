package tui

import (
	"slices"
	"time"

	"github.com/seaworthyhq/seaworthy/internal/event"
)

// clock runs while any instruction of a step does.
type clock struct {
	since  time.Time     // when it began to run; zero: it stands
	stood  time.Time     // since when it stands
	before time.Duration // that it ran until it stood
}

func (c *clock) set(runs bool, now time.Time) {
	switch {
	case runs && c.since.IsZero():
		c.since = now
	case !runs && !c.since.IsZero():
		c.before += now.Sub(c.since)
		c.since, c.stood = time.Time{}, now
	}
}

func (c *clock) elapsed(now time.Time) time.Duration {
	if c.since.IsZero() {
		return c.before
	}
	return c.before + now.Sub(c.since)
}

// elapsed is how long something of the step has run.
func (s *step) elapsed(now time.Time) time.Duration {
	if len(s.instructions) == 0 {
		return now.Sub(s.started)
	}
	return s.clock.elapsed(now)
}

// breath is how long a step may take from one instruction to the next before that is a wait.
const breath = 200 * time.Millisecond

// stands reports whether a stage that has begun waits, before an instruction that is to come or for another stage.
func (v *view) stands(s *step, now time.Time) bool {
	if s.state != event.Started || s.Role == rolloutRole || s.running() != nil || now.Sub(s.clock.stood) < breath {
		return false
	}
	pending := func(in *instruction) bool { return in.State == event.Pending }
	return slices.ContainsFunc(s.instructions, pending) || len(v.waitsFor(s)) > 0
}
