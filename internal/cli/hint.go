package cli

import (
	"errors"
	"regexp"
	"strings"
	"unicode"

	"github.com/seaworthyhq/seaworthy/internal/event"
	"github.com/seaworthyhq/seaworthy/internal/release"
)

// asTyped has a hint name the state root and the environment so that it can be typed where this call was.
func (a *app) asTyped(hint string) string { return a.atRoot(a.inEnvironment(hint)) }

var commandIn = regexp.MustCompile(`(^|[^.\w])seaworthy ([a-z])`)

// atRoot has the commands in a hint name the state root that --root names: without it they would speak to another engine. What
// SEAWORTHY_ROOT names they will find.
func (a *app) atRoot(hint string) string {
	if a.root == envOr("SEAWORTHY_ROOT", DefaultRoot) || a.root == "" || strings.Contains(hint, " --root ") {
		return hint
	}
	root := a.root
	if strings.ContainsFunc(root, func(r rune) bool {
		return !unicode.IsLetter(r) && !unicode.IsDigit(r) && !strings.ContainsRune("/._-", r)
	}) {
		root = "'" + strings.ReplaceAll(root, "'", `'\''`) + "'"
	}
	return commandIn.ReplaceAllString(hint, "${1}seaworthy --root "+strings.ReplaceAll(root, "$", "$$")+" $2")
}

// inEnvironment has a hint, which names the environment whole, name it as this call does: not at all where the directory alone
// says it. Programs are told the whole name.
func (a *app) inEnvironment(hint string) string {
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
