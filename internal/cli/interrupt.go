package cli

import (
	"errors"
	"sync/atomic"

	"github.com/seaworthyhq/seaworthy/internal/event"
	"github.com/seaworthyhq/seaworthy/internal/release"
)

// begunSink notes whether the engine has begun what it finishes without its caller.
type begunSink struct {
	event.Sink
	begun atomic.Bool
	waits atomic.Bool                        // for its turn: who goes now takes back what is asked for
	last  atomic.Pointer[release.Deployment] // that was told of
}

// Emit passes the event on.
func (s *begunSink) Emit(e event.Event) {
	switch {
	case e.Type == event.TypeRelease, e.Type == event.TypeDeployment, e.Plan != nil && !e.Plan.Only:
		s.begun.Store(true)
	case e.Message != nil:
		s.waits.Store(e.Message.Waiting)
	}
	if e.Type == event.TypeDeployment {
		s.last.Store(e.Deployment)
	}
	s.Sink.Emit(e)
}

// hint says what becomes of a call that its user has ended.
func (s *begunSink) hint() string {
	if s.waits.Load() {
		return "it waited for its turn and is withdrawn: nothing was deployed"
	}
	if d := s.last.Load(); d != nil {
		hint := "the engine finishes what it has begun: " + d.Environment.Command("status") + " shows how far it is"
		if canBeGivenUp(*d) {
			hint += "; " + d.Environment.Command("rollback") + " gives it up"
		}
		return hint
	}
	if s.begun.Load() {
		return "the engine finishes what it has begun: seaworthy status shows how far it is"
	}
	return "nothing was changed; run the same command again: it goes on where this one stopped"
}

// canBeGivenUp reports whether rollback takes back the deployment while it is under way.
func canBeGivenUp(d release.Deployment) bool {
	return d.Result == release.Running && d.Cause.CanBeGivenUp()
}

// interrupted is the error of a call that its user has ended.
func interrupted(hint string) error {
	return &release.UserError{Kind: release.KindInterrupted, Err: errors.New("interrupted"), Hint: hint}
}
