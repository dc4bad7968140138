package e2e

import (
	"strings"
	"testing"
)

// The parts of up, one after the other, as jobs of a pipeline run them: nothing is built after the release, and each environment
// has values of its own.
func TestAReleaseGoesFromOneEnvironmentToTheNext(t *testing.T) {
	t.Parallel()
	s := newSite(t, map[string]string{
		"Dockerfile":   "FROM busybox\nHEALTHCHECK --interval=1s CMD true\nCMD [\"sleep\", \"infinity\"]\n",
		"compose.yaml": "services:\n  shop: {build: ., secrets: [token], stop_grace_period: 1s, stop_signal: KILL}\nsecrets: {token: {environment: TOKEN}}\n",
		"seaworthy.yaml": `name: shop
environments:
  staging: {}
  production: {}
`,
	})
	s.env = append(s.env, "TOKEN=of staging")
	s.run(0, "release", "-e", "staging")
	var ledger []struct{ Subject string }
	s.readJSON(&ledger, "ledger", "-n", "1")
	release := ledger[0].Subject

	away := *s
	away.dir = t.TempDir()
	token := func(env string) string {
		return away.run(0, "exec", "-e", env, "shop", "--", "cat", "/run/secrets/token")
	}
	away.run(0, "deploy", release, "-e", "shop/staging")
	if got := token("shop/staging"); got != "of staging" {
		t.Errorf("staging has %q", got)
	}
	away.refused(8, []string{"deploy", "staging#1", "-e", "shop/production"}, "secret token", "no value", "shop/production")
	if out := s.run(0, "history", "-e", "production", "--json"); strings.TrimSpace(out) != "[]" {
		t.Errorf("what was refused was begun: %s", out)
	}

	s.env[len(s.env)-1] = "TOKEN=of production"
	s.run(0, "deploy", "staging#1", "-e", "production")
	if got := token("shop/production"); got != "of production" {
		t.Errorf("production has %q", got)
	}
	if got := token("shop/staging"); got != "of staging" {
		t.Errorf("staging has %q", got)
	}
	var shown struct {
		ID      string
		Serving []struct{ Name string }
	}
	s.readJSON(&shown, "show", "-e", "production")
	if shown.ID != release || len(shown.Serving) != 2 {
		t.Errorf("show: %+v, want %s in two environments", shown, release)
	}
	s.refused(2, []string{"plan", "-e", "elsewhere/staging"}, "shop, not elsewhere")
	s.run(0, "plan", "-e", "shop/production", "--exit-code", "--dirty")
}
