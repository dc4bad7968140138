package cli

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
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

	mu     sync.Mutex // guards the rest
	names  map[string]string
	failed []string // stages, each with why
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
	s.note(e)
	s.Sink.Emit(e)
}

// note keeps which stages failed.
func (s *begunSink) note(e event.Event) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case e.Graph != nil:
		s.names = map[string]string{}
		for _, n := range e.Graph.Steps {
			s.names[n.Key] = n.Name
		}
	case e.Step != nil && e.Step.State == event.Failed && s.names[e.Step.Key] != "":
		if text := s.names[e.Step.Key] + " had failed: " + e.Step.Error; !slices.Contains(s.failed, text) {
			s.failed = append(s.failed, text)
		}
	}
}

// failuresNamed is how many stages that had failed are named when a call is ended.
const failuresNamed = 3

// interrupted is the error of the call when its user has ended it.
func (s *begunSink) interrupted() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	text := append([]string{"interrupted"}, s.failed[:min(failuresNamed, len(s.failed))]...)
	if more := len(s.failed) - failuresNamed; more > 0 {
		text = append(text, fmt.Sprintf("%d more had failed", more))
	}
	return interrupted(strings.Join(text, "; "), s.hint())
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
func interrupted(text, hint string) error {
	return &release.UserError{Kind: release.KindInterrupted, Err: errors.New(text), Hint: hint}
}
