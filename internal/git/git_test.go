package git

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/seaworthyhq/seaworthy/internal/release"
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
	if got := Look(t.Context(), t.TempDir()); got.Commit != "" || got.Dirty != nil || got.Err != nil {
		t.Errorf("got %+v", got)
	}
}

func TestARepositoryThatGitWillNotReadIsAnError(t *testing.T) {
	committed := func(t *testing.T) string {
		t.Helper()
		top := t.TempDir()
		write(t, filepath.Join(top, "a.txt"), "a")
		git(t, top, "init", "-q")
		git(t, top, "add", "-A")
		git(t, top, "commit", "-q", "-m", "first")
		write(t, filepath.Join(top, "a.txt"), "b")
		return top
	}
	for name, c := range map[string]struct {
		spoil      func(t *testing.T, top string)
		said, hint string
	}{
		"it belongs to another user": {
			func(t *testing.T, _ string) { t.Setenv("GIT_TEST_ASSUME_DIFFERENT_OWNER", "1") }, // no test as root alone
			"detected dubious ownership in repository at ", "git config --global --add safe.directory ",
		},
		"its index is damaged": {
			func(t *testing.T, top string) { write(t, filepath.Join(top, ".git", "index"), "not an index") },
			"index file smaller than expected", "git -C ",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Setenv("GIT_CONFIG_GLOBAL", "/dev/null")
			t.Setenv("LC_ALL", "de_DE.UTF-8")
			top := committed(t)
			c.spoil(t, top)
			_, _, err := Changes(t.Context(), top, ".")
			for _, err := range []error{err, Look(t.Context(), top).Err} {
				refused, ok := errors.AsType[*release.UserError](err)
				if !ok || !strings.Contains(refused.Error(), c.said) || !strings.HasPrefix(refused.Hint, c.hint) {
					t.Errorf("git refuses with %q, %+v", err, refused)
				}
			}
		})
	}
}

func TestAChangedSubmoduleCountsWhateverIsConfigured(t *testing.T) {
	top, lib := t.TempDir(), t.TempDir()
	write(t, filepath.Join(lib, "a.txt"), "a")
	git(t, lib, "init", "-q")
	git(t, lib, "add", "-A")
	git(t, lib, "commit", "-q", "-m", "first")
	git(t, top, "init", "-q")
	git(t, top, "-c", "protocol.file.allow=always", "submodule", "--quiet", "add", lib, "lib")
	git(t, top, "config", "-f", ".gitmodules", "submodule.lib.ignore", "all")
	git(t, top, "config", "diff.ignoreSubmodules", "all")
	git(t, top, "add", "-A")
	git(t, top, "commit", "-q", "-m", "first")
	if clean := Look(t.Context(), top); clean.Err != nil || clean.Commit == "" || len(clean.Dirty)+len(clean.Ignored) > 0 {
		t.Errorf("clean tree: %+v", clean)
	}
	write(t, filepath.Join(top, "lib", "a.txt"), "b")
	if diff := cmp.Diff([]string{"lib"}, Look(t.Context(), top).Dirty); diff != "" {
		t.Errorf("dirty paths (-want +got):\n%s", diff)
	}
	git(t, filepath.Join(top, "lib"), "update-index", "--assume-unchanged", "a.txt")
	if diff := cmp.Diff([]string{"lib"}, Look(t.Context(), top).Dirty); diff != "" {
		t.Errorf("dirty paths, of which git was told not to look at one (-want +got):\n%s", diff)
	}
}

func TestWhatASubmoduleHidesIsIgnored(t *testing.T) {
	top, lib := t.TempDir(), t.TempDir()
	write(t, filepath.Join(lib, ".gitignore"), "*.gen\nout/\n")
	git(t, lib, "init", "-q")
	git(t, lib, "add", "-A")
	git(t, lib, "commit", "-q", "-m", "first")
	git(t, top, "init", "-q")
	for _, place := range []string{"app/lib", "beside"} {
		git(t, top, "-c", "protocol.file.allow=always", "submodule", "--quiet", "add", lib, place)
	}
	git(t, top, "commit", "-q", "-m", "first")
	git(t, top, "submodule", "--quiet", "deinit", "-f", "beside")
	write(t, filepath.Join(top, "app", "lib", "code.gen"), "x")
	write(t, filepath.Join(top, "app", "lib", "out", "x"), "x")

	want := []string{"lib/code.gen", "lib/out/"}
	if got := Look(t.Context(), filepath.Join(top, "app")); got.Err != nil || !cmp.Equal(got.Ignored, want) || len(got.Dirty) > 0 {
		t.Errorf("from the folder: %+v", got)
	}
	if got := Look(t.Context(), top); got.Err != nil || !cmp.Equal(got.Ignored, []string{"app/lib/code.gen", "app/lib/out/"}) || len(got.Dirty) > 0 {
		t.Errorf("from the top: %+v", got)
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
