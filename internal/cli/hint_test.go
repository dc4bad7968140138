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
		{app{dir: ".", root: "/srv/it's"}, `seaworthy --root '/srv/it'\''s' status -e shop/staging shows it; seaworthy --root '/srv/it'\''s' up -e shop/staging-2, or seaworthy --root '/srv/it'\''s' down -e shop/staging`},
		{app{dir: ".", here: shop, root: "/srv/a"}, "seaworthy --root /srv/a status shows it; seaworthy --root /srv/a up -e shop/staging-2, or seaworthy --root /srv/a down"},
		{app{dir: ".", here: shop, root: DefaultRoot}, "seaworthy status shows it; seaworthy up -e shop/staging-2, or seaworthy down"},
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

func TestHintsAboutOtherThingsNameNoRoot(t *testing.T) {
	a := app{root: "/srv/a"}
	for _, hint := range []string{
		"see seaworthy.yaml", "sudo usermod -aG seaworthy $USER", "sudo seaworthy engine install --root /srv/a", "seaworthy's own", "keep reports: .seaworthy is no folder",
	} {
		if got := a.asTyped(hint); got != hint {
			t.Errorf("%q became %q", hint, got)
		}
	}
	t.Setenv("SEAWORTHY_ROOT", "/srv/a")
	if got := a.asTyped("seaworthy up"); got != "seaworthy up" {
		t.Errorf("what the shell knows already is said: %q", got)
	}
}
