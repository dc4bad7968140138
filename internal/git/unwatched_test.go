package git

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestWhatGitWasToldNotToLookAtIsLookedAt(t *testing.T) {
	top := t.TempDir()
	dir := filepath.Join(top, "app")
	for _, name := range []string{"assumed", "assumed same", "gone", "skipped", "skipped same", "left out", "watched"} {
		write(t, filepath.Join(dir, name), "a")
	}
	git(t, top, "init", "-q")
	git(t, top, "add", "-A")
	git(t, top, "commit", "-q", "-m", "first")
	git(t, dir, "update-index", "--assume-unchanged", "assumed", "assumed same", "gone")
	git(t, dir, "update-index", "--skip-worktree", "skipped", "skipped same", "left out")
	for _, name := range []string{"gone", "left out"} {
		if err := os.Remove(filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{"assumed", "skipped", "watched"} {
		write(t, filepath.Join(dir, name), "b")
	}
	want := []string{"app/assumed", "app/gone", "app/skipped", "app/watched"}
	got := Look(t.Context(), dir)
	if diff := cmp.Diff(want, got.Dirty); diff != "" || got.Err != nil {
		t.Errorf("%v, dirty paths (-want +got):\n%s", got.Err, diff)
	}
}
