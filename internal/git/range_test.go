package git

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestBetweenListsTheCommitsOfTheDirectory(t *testing.T) {
	top := t.TempDir()
	dir := filepath.Join(top, "app")
	git(t, top, "init", "-q", "-b", "main")
	commit := func(path, subject string) string {
		write(t, filepath.Join(top, path), subject)
		git(t, top, "add", "-A")
		git(t, top, "commit", "-q", "-m", subject, "-m", "and a body")
		return strings.TrimSpace(string(run(t.Context(), top, "rev-parse", "HEAD")))
	}
	first := commit("app/a.txt", "first")
	commit("app/a.txt", "second")
	commit("elsewhere.txt", "of no concern")
	last := commit("app/a.txt", "third")

	all := Between(t.Context(), dir, first, last, 10)
	if diff := cmp.Diff([]string{"third", "second"}, subjects(all)); diff != "" || all.More != 0 || all.Behind != 0 {
		t.Errorf("%+v (-want +got):\n%s", all, diff)
	}
	write(t, filepath.Join(top, "app", "b c.txt"), "not committed")
	git(t, top, "add", "-A")
	if diff := cmp.Diff([]string{"a.txt", "b c.txt"}, Between(t.Context(), dir, first, last, 10).Paths); diff != "" {
		t.Errorf("paths that differ (-want +got):\n%s", diff)
	}
	one := Between(t.Context(), dir, first, last, 1)
	if diff := cmp.Diff([]string{"third"}, subjects(one)); diff != "" || one.More != 1 {
		t.Errorf("%+v (-want +got):\n%s", one, diff)
	}
	if back := Between(t.Context(), dir, last, first, 10); back.Behind != 2 || len(back.Commits) != 0 {
		t.Errorf("an older commit: %+v", back)
	}
	if none := Between(t.Context(), dir, strings.Repeat("0", 40), last, 10); len(none.Commits)+none.More+none.Behind != 0 {
		t.Errorf("a commit that is not there: %+v", none)
	}
}

func subjects(r Range) []string {
	var all []string
	for _, c := range r.Commits {
		all = append(all, c.Subject)
	}
	return all
}
