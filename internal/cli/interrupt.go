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
	in    atomic.Pointer[release.Environment] // what is deployed
}

// Emit passes the event on.
func (s *begunSink) Emit(e event.Event) {
	if e.Type == event.TypeRelease || e.Type == event.TypeDeployment {
		s.begun.Store(true)
	}
	if e.Type == event.TypeDeployment {
		s.in.Store(&e.Deployment.Environment)
	}
	s.Sink.Emit(e)
}

// hint says what becomes of a call that its user has ended.
func (s *begunSink) hint() string {
	status := "seaworthy status"
	if env := s.in.Load(); env != nil {
		status = env.Command("status")
	}
	if s.begun.Load() {
		return "the engine finishes what it has begun: " + status + " shows how far it is"
	}
	return "nothing was changed; run the same command again: it goes on where this one stopped"
}

// interrupted is the error of a call that its user has ended.
func interrupted(hint string) error {
	return &release.UserError{Kind: release.KindInterrupted, Err: errors.New("interrupted"), Hint: hint}
}
