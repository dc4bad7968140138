package git

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestLook(t *testing.T) {
	top := t.TempDir()
	dir := filepath.Join(top, "app")
	write(t, filepath.Join(top, "elsewhere.txt"), "a")
	write(t, filepath.Join(dir, "kept.txt"), "a")
	write(t, filepath.Join(dir, "changed.txt"), "a")
	write(t, filepath.Join(dir, "old name.txt"), "long enough to be found again under its new name\n")
	git(t, top, "init", "-q", "-b", "main")
	git(t, top, "add", "-A")
	git(t, top, "commit", "-q", "-m", "first")
	git(t, top, "tag", "v1.2.0")
	git(t, top, "tag", "v1.10.0")
	git(t, top, "remote", "add", "origin", "https://user:pass@example.com/acme/app.git")

	clean := Look(t.Context(), dir)
	if len(clean.Commit) != 40 || clean.Tag != "v1.10.0" || clean.Branch != "main" || len(clean.Dirty) != 0 {
		t.Errorf("clean tree: %+v", clean)
	}
	if clean.Remote != "https://example.com/acme/app.git" {
		t.Errorf("remote keeps credentials: %s", clean.Remote)
	}

	write(t, filepath.Join(top, "elsewhere.txt"), "b")
	write(t, filepath.Join(dir, "changed.txt"), "b")
	write(t, filepath.Join(dir, "new file.txt"), "b")
	write(t, filepath.Join(dir, ".seaworthy", "reports", "test.xml"), "b")
	git(t, dir, "mv", "old name.txt", "new name.txt")
	want := []string{"app/changed.txt", "app/new file.txt", "app/new name.txt"}
	if diff := cmp.Diff(want, Look(t.Context(), dir, ".seaworthy/").Dirty); diff != "" {
		t.Errorf("dirty paths (-want +got):\n%s", diff)
	}
}

// What git hides differs from the commit all the same; a hidden folder counts once, however much is in it.
func TestLookNamesWhatGitIgnores(t *testing.T) {
	top := t.TempDir()
	dir := filepath.Join(top, "app")
	write(t, filepath.Join(top, ".gitignore"), "*.gen\nnode_modules/\n.seaworthy/\nsecret\n")
	git(t, top, "init", "-q", "-b", "main")
	git(t, top, "add", "-A")
	git(t, top, "commit", "-q", "-m", "first")
	for _, path := range []string{"elsewhere.gen", "app/web/a b.gen", "app/node_modules/a/b.js", "app/node_modules/c.js", "app/.seaworthy/x", "app/secret"} {
		write(t, filepath.Join(top, path), "b")
	}
	got := Look(t.Context(), dir, ".seaworthy/")
	if diff := cmp.Diff([]string{"node_modules/", "secret", "web/a b.gen"}, got.Ignored); diff != "" || len(got.Dirty) > 0 {
		t.Errorf("ignored paths (-want +got):\n%s\ndirty: %v", diff, got.Dirty)
	}
}

func TestLookOutsideGitSaysNothing(t *testing.T) {
	if got := Look(t.Context(), t.TempDir()); got.Commit != "" || got.Dirty != nil {
		t.Errorf("got %+v", got)
	}
}

func git(t *testing.T, dir string, args ...string) {
	t.Helper()
	cmd := exec.Command("git", args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "GIT_CONFIG_GLOBAL=/dev/null",
		"GIT_AUTHOR_NAME=t", "GIT_AUTHOR_EMAIL=t@example.com", "GIT_COMMITTER_NAME=t", "GIT_COMMITTER_EMAIL=t@example.com")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("git %v: %v\n%s", args, err, out)
	}
}

func write(t *testing.T, path, content string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
		t.Fatal(err)
	}
}
