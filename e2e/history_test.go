package e2e

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// Each deployment says where its own release came from, although the same content was committed again since, or is forgotten; and
// what is forgotten is no offer to go back to.
func TestHistorySaysWhereEachDeploymentCameFrom(t *testing.T) {
	t.Parallel()
	s := newSite(t, shop)
	s.git("init", "-q")
	commit := func(subject string) {
		s.git("add", ".")
		s.git("commit", "-q", "--allow-empty", "-m", subject)
		s.git("tag", subject)
	}
	commit("one")
	s.up(0)
	s.edit("Dockerfile", "echo one", "echo two")
	commit("two")
	s.up(0)
	commit("two-again")
	s.up(0)
	s.edit("Dockerfile", "echo two", "echo three")
	commit("three")
	s.up(0)
	s.run(0, "gc", "--keep", "1")

	type deployment struct {
		Number    int
		Collected bool
		Origin    struct{ Tag string }
	}
	from := func(number int, tag string, collected bool) deployment {
		return deployment{Number: number, Collected: collected, Origin: struct{ Tag string }{tag}}
	}
	var all []deployment
	s.readJSON(&all, "history")
	if diff := cmp.Diff([]deployment{from(3, "three", false), from(2, "two", false), from(1, "one", true)}, all); diff != "" {
		t.Errorf("history (-want +got):\n%s", diff)
	}
	if out := s.run(0, "history"); strings.Count(out, "(collected)") != 1 {
		t.Errorf("history:\n%s", out)
	}
}
