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
	changes *release.Environment // what the call asks for begins at once; nil: an event tells when
	begun   atomic.Bool
	waits   atomic.Bool                        // for its turn: who goes now takes back what is asked for
	gaveUp  atomic.Bool                        // what others had begun, for its turn
	last    atomic.Pointer[release.Deployment] // that was told of
}

// Emit passes the event on.
func (s *begunSink) Emit(e event.Event) {
	s.waits.Store(e.Message != nil && e.Message.Waiting)
	switch {
	case e.Type == event.TypeRelease, e.Type == event.TypeDeployment, e.Plan != nil && !e.Plan.Only:
		s.begun.Store(true)
	case e.Message != nil && e.Message.Begun:
		s.gaveUp.Store(true)
	}
	if e.Type == event.TypeDeployment {
		s.last.Store(e.Deployment)
	}
	s.Sink.Emit(e)
}

// hint says what becomes of a call that its user has ended.
func (s *begunSink) hint() string {
	last := s.last.Load()
	status := "seaworthy status"
	switch {
	case last != nil:
		status = last.Environment.Command("status")
	case s.changes != nil:
		status = s.changes.Command("status")
	}
	switch {
	case s.waits.Load() && s.gaveUp.Load():
		return "it waited for its turn and is withdrawn; what it gave up stays given up: " + status + " shows what serves"
	case s.waits.Load():
		return "it waited for its turn and is withdrawn: what runs stays as it is"
	case last == nil && s.changes == nil && !s.begun.Load():
		return "nothing was changed; run the same command again: it goes on where this one stopped"
	}
	hint := "the engine finishes what it has begun: " + status + " shows how far it is"
	if last != nil && canBeGivenUp(*last) {
		hint += "; " + last.Environment.Command("rollback") + " gives it up"
	}
	return hint
}

// canBeGivenUp reports whether rollback takes back the deployment while it is under way.
func canBeGivenUp(d release.Deployment) bool {
	return d.Result == release.Running && d.Cause.CanBeGivenUp()
}

// interrupted is the error of a call that its user has ended.
func interrupted(hint string) error {
	return &release.UserError{Kind: release.KindInterrupted, Err: errors.New("interrupted"), Hint: hint}
}
