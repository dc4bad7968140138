package e2e

import (
	"strings"
	"testing"
)

// A verb that needs no project is told the environment whole, and works anywhere.
func TestVerbsNeedNoCheckout(t *testing.T) {
	t.Parallel()
	s := newSite(t, planned)
	s.up(0)
	s.write("version", "two")
	s.up(0)

	away := *s
	away.dir = t.TempDir()
	for _, verb := range [][]string{{"status"}, {"history"}, {"show"}, {"show", "local#1"}, {"ledger"}, {"volume", "list"}} {
		out := away.run(0, append(verb, "-e", "shop/local", "--json")...)
		if !strings.Contains(out, "shop") && verb[0] != "volume" {
			t.Errorf("%v: %s", verb, out)
		}
	}
	away.run(0, "logs", "-e", "shop/local")
	if out := away.run(0, "exec", "-e", "shop/local", "shop", "--", "cat", "/www/version"); out != "two" {
		t.Errorf("exec: %q", out)
	}
	before := away.run(0, "history", "-e", "shop/local", "--json")
	for verb, word := range map[string]string{"rollback": "roll back to", "scale shop=3": "scale 1 → 3", "deploy local#1": "replace 1 replica", "down --volumes": "remove 1 replica"} {
		args := append(strings.Fields(verb), "-e", "shop/local", "--plan")
		if out := away.run(0, args...); !strings.Contains(out, word) {
			t.Errorf("%v does not say %q:\n%s", args, word, out)
		}
	}
	if after := away.run(0, "history", "-e", "shop/local", "--json"); after != before {
		t.Errorf("a plan was deployed:\n%s", after)
	}
	away.run(0, "scale", "shop=2", "-e", "shop/local")
	away.run(0, "restart", "-e", "shop/local")
	away.run(0, "rollback", "-e", "shop/local")
	if got := s.get("version"); got != "one" {
		t.Errorf("after the rollback %q serves", got)
	}
	if out := s.run(0, "plan"); !strings.Contains(out, "is held: rolled back") || !strings.Contains(out, "seaworthy resume -e shop/local, and then seaworthy up -e shop/local, does it") {
		t.Errorf("the plan does not say that up refuses, and what to do:\n%s", out)
	}
	away.run(0, "resume", "-e", "shop/local")
	away.run(0, "deploy", "local#2", "-e", "shop/local")
	if got := s.get("version"); got != "two" {
		t.Errorf("after the deployment %q serves", got)
	}

	t.Run("what cannot be meant is an error that says what to type", func(t *testing.T) {
		away.refused(2, []string{"status"}, "no Dockerfile", "-C DIR", "-e project/environment")
		away.refused(2, []string{"logs", "-e", "local"}, "no Dockerfile")
		away.refused(2, []string{"status", "-e", "a/b/c"}, "project/name", "status --all")
		for _, verb := range [][]string{{"show"}, {"rollback"}, {"scale", "shop=1"}, {"exec", "shop", "--", "true"}, {"logs"}} {
			away.refused(8, append([]string{verb[0], "-e", "shop/elsewhere"}, verb[1:]...), "shop/elsewhere", "seaworthy")
		}
		away.refused(8, []string{"show", "r-00000000", "-e", "shop/local"}, "r-00000000", "seaworthy history")
		away.refused(8, []string{"deploy", "local#99", "-e", "shop/local"}, "local#99")
	})
	away.run(0, "down", "-e", "shop/local", "--yes")
}
