package event

import (
	"context"
	"errors"

	"github.com/seaworthyhq/seaworthy/internal/release"
)

// NewError is err as it goes over the wire; nil for nil.
func NewError(err error) *Error {
	if err == nil {
		return nil
	}
	e := &Error{Kind: release.KindOf(err), Message: err.Error()}
	if u, ok := errors.AsType[*release.UserError](err); ok {
		e.Hint, e.Detail = u.Hint, u.Detail
	} else if errors.Is(err, context.Canceled) {
		e.Kind = release.KindInterrupted
	}
	return e
}

// Err is the error that came over the wire, as a *release.UserError; nil for nil.
func (e *Error) Err() error {
	if e == nil {
		return nil
	}
	return &release.UserError{Kind: e.Kind, Err: errors.New(e.Message), Hint: e.Hint, Detail: e.Detail}
}
