package e2e

import (
	"strings"
	"testing"
)

func TestEachRollbackGoesFurtherBack(t *testing.T) {
	t.Parallel()
	s := newAppSite(t, pairOfReplicas+"    secrets: [token]\nsecrets: {token: {environment: TOKEN}}\n")
	s.env = append(s.env, "TOKEN=first")
	for _, version := range []string{"1", "2", "3"} {
		s.edit("compose.yaml", "environment: {VERSION: \""+previous(version)+"\"", "environment: {VERSION: \""+version+"\"")
		s.up(0)
	}
	s.setEnvironment(`VERSION: "3"`, `VERSION: "4", SICK: "yes"`)
	s.up(6)
	s.refused(0, []string{"rollback"}, "held at r-", "until seaworthy resume -e shop/local")
	s.serves("2")
	s.run(0, "rollback")
	s.serves("1")
	s.refused(8, []string{"rollback"}, "nothing served in shop/local before r-", "seaworthy rollback RELEASE -e shop/local")
	s.serves("1")
	s.refused(0, []string{"rollback", "local#4", "--plan"}, "has never come up in shop/local: local#4 was ")
	if out := s.run(0, "rollback", "local#2", "--plan"); strings.Contains(out, "never") {
		t.Errorf("a release that served is warned about:\n%s", out)
	}
	s.run(0, "rollback", "local#3")
	s.serves("3")

	s.run(0, "down")
	s.refused(7, []string{"up"}, "held: rolled back to r-", "resume") // the same
	away := *s
	away.dir, away.env = t.TempDir(), s.env[:1]
	away.refused(8, []string{"rollback", "local#2", "-e", "shop/local"}, "secret token", "no value")
	s.run(0, "rollback", "local#2")
	s.serves("2")
	if got := s.inside("web", "cat /run/secrets/token"); got != "first" {
		t.Errorf("the secret is %q", got)
	}
}

// previous is the version before; that of the first is itself.
func previous(version string) string { return map[string]string{"1": "1", "2": "1", "3": "2"}[version] }
