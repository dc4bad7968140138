package cli

import (
	"errors"
	"testing"

	"github.com/seaworthyhq/seaworthy/internal/event"
	"github.com/seaworthyhq/seaworthy/internal/release"
)

func TestHintsNameTheEnvironmentAsItWasTyped(t *testing.T) {
	shop := release.Environment{Project: "shop", Name: "staging"}
	other := release.Environment{Project: "shop", Name: "staging-2"}
	for _, c := range []struct {
		call app
		want string
	}{
		{app{dir: ".", here: shop}, "seaworthy status shows it; seaworthy up -e shop/staging-2, or seaworthy down"},
		{app{dir: ".", here: shop, environment: "staging"}, "seaworthy status -e staging shows it; seaworthy up -e shop/staging-2, or seaworthy down -e staging"},
		{app{dir: "."}, "seaworthy status -e shop/staging shows it; seaworthy up -e shop/staging-2, or seaworthy down -e shop/staging"},
		{app{dir: "elsewhere", here: shop}, "seaworthy status -e shop/staging shows it; seaworthy up -e shop/staging-2, or seaworthy down -e shop/staging"},
		{app{dir: ".", here: shop, json: true}, "seaworthy status -e shop/staging shows it; seaworthy up -e shop/staging-2, or seaworthy down -e shop/staging"},
	} {
		hint := shop.Command("status") + " shows it; " + other.Command("up") + ", or " + shop.Command("down")
		if got := c.call.asTyped(hint); got != c.want {
			t.Errorf("%q, not %q", got, c.want)
		}
		said := event.Event{Message: &event.Message{Hint: hint}}
		c.call.typed(event.SinkFunc(func(e event.Event) {
			if e.Message.Hint != c.want {
				t.Errorf("a message has %q", e.Message.Hint)
			}
		})).Emit(said)
		failed := &release.UserError{Err: errors.New("it failed"), Hint: hint}
		if _ = c.call.typedError(failed); failed.Hint != c.want {
			t.Errorf("an error has %q", failed.Hint)
		}
	}
}
