package e2e

import (
	"os"
	"path/filepath"
	"testing"
)

func TestALostDatabaseTakesNothingDown(t *testing.T) {
	t.Parallel()
	s := newSite(t, shop)
	s.up(0)
	s.run(0, "engine", "stop")
	path := filepath.Join(s.root, "state.db")
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	putBack := func(content []byte) {
		t.Helper()
		if err := os.WriteFile(path, content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	t.Cleanup(func() {
		if t.Failed() {
			putBack(whole) // so that the site can be taken down
		}
	})
	for name, lost := range map[string][]byte{"empty": nil, "cut": whole[:len(whole)/3], "garbage": []byte("no database")} {
		putBack(lost)
		s.refused(10, []string{"status"}, "put back a copy")
		if got := s.get("version"); got != "one" {
			t.Errorf("%s: %q serves", name, got)
		}
	}
	putBack(whole)
	s.run(0, "scale", "shop=1")
	s.answers("one")
}
