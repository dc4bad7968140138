package cli

import (
	"errors"
	"regexp"

	"github.com/seaworthyhq/seaworthy/internal/event"
	"github.com/seaworthyhq/seaworthy/internal/release"
)

// asTyped has a hint, which names the environment whole, name it as this call does: not at all where the directory alone says
// it. Programs are told the whole name.
func (a *app) asTyped(hint string) string {
	if a.json || a.dir != "." || a.here == (release.Environment{}) {
		return hint
	}
	typed := ""
	if a.environment != "" {
		typed = " -e " + a.environment
	}
	whole := regexp.MustCompile(" -e " + regexp.QuoteMeta(a.here.String()) + `([\s,;]|$)`)
	return whole.ReplaceAllString(hint, typed+"$1")
}

// typed passes events on with hints as the user types them.
func (a *app) typed(sink event.Sink) event.Sink {
	return event.SinkFunc(func(e event.Event) {
		if e.Message != nil {
			m := *e.Message
			m.Text, m.Hint = a.asTyped(m.Text), a.asTyped(m.Hint)
			e.Message = &m
		}
		sink.Emit(e)
	})
}

func (a *app) typedError(err error) error {
	if user, ok := errors.AsType[*release.UserError](err); ok {
		user.Hint = a.asTyped(user.Hint)
	}
	return err
}
