package cli

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/seaworthyhq/seaworthy/internal/git"
	"github.com/seaworthyhq/seaworthy/internal/project"
	"github.com/seaworthyhq/seaworthy/internal/release"
)

func TestWhatShipsFromBeyondTheProjectHasToBeCommittedThere(t *testing.T) {
	top := t.TempDir()
	write := func(name, content string) {
		t.Helper()
		path := filepath.Join(top, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	commit := func(dir string) {
		t.Helper()
		for _, args := range [][]string{{"init", "-q"}, {"add", "."}, {"-c", "user.name=a", "-c", "user.email=a@b", "commit", "-q", "-m", "all"}} {
			cmd := exec.Command("git", append([]string{"-C", filepath.Join(top, dir)}, args...)...)
			if out, err := cmd.CombinedOutput(); err != nil {
				t.Fatalf("git %v: %v\n%s", args, err, out)
			}
		}
	}
	write("mono/app/compose.yaml", `include: [../common.yaml]
services:
  web:
    build: {context: ../lib, additional_contexts: {other: ../../other}}
    env_file: [../web.env]
    configs: [conf]
configs: {conf: {file: ../web.conf}}
`)
	write("mono/common.yaml", "services: {db: {image: busybox}}\n")
	write("mono/lib/Dockerfile", "FROM busybox\nCOPY . /src\nCOPY --from=other . /other\n")
	write("mono/lib/.dockerignore", "*.md\n")
	write("mono/.gitignore", "*.gen\n")
	for _, name := range []string{"mono/web.env", "mono/web.conf", "mono/unused", "mono/lib/code", "mono/lib/gone", "mono/lib/read.md", "other/code"} {
		write(name, "A=1\n")
	}
	commit("mono")
	commit("other")

	dir := filepath.Join(top, "mono/app")
	load := func() *project.Project {
		t.Helper()
		p, err := project.Load(t.Context(), project.Options{Dir: dir})
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
	dirty := func() []string {
		t.Helper()
		p := load()
		o, err := originOfProject(t.Context(), p, git.Look(t.Context(), dir))
		if err != nil {
			t.Fatal(err)
		}
		return o.Dirty
	}
	if got := dirty(); len(got) > 0 {
		t.Errorf("all is committed, but %q", got)
	}
	for _, name := range []string{"mono/web.env", "mono/web.conf", "mono/unused", "mono/lib/code", "mono/lib/new", "mono/lib/a.gen", "mono/lib/read.md", "other/code", "mono/app/x"} {
		write(name, "A=2\n")
	}
	write("mono/common.yaml", "services: {db: {image: busybox, command: ls}}\n")
	if err := os.Remove(filepath.Join(top, "mono/lib/gone")); err != nil {
		t.Fatal(err)
	}
	want := []string{"../other/code", "app/x", "common.yaml", "lib/a.gen", "lib/code", "lib/gone", "lib/new", "web.conf", "web.env"}
	if diff := cmp.Diff(want, dirty()); diff != "" {
		t.Errorf("what differs (-want +got):\n%s", diff)
	}

	t.Run("a repository that git will not read does not count as committed", func(t *testing.T) {
		t.Setenv("GIT_CONFIG_GLOBAL", "/dev/null")
		t.Setenv("GIT_TEST_ASSUME_DIFFERENT_OWNER", "1")
		for where, src := range map[string]git.Source{"in the project": git.Look(t.Context(), dir), "beyond it": {}} {
			p := load()
			if o, err := originOfProject(t.Context(), p, src); err != nil || o.Commit != "" {
				t.Errorf("local takes what is there, but %s: %+v, %v", where, o, err)
			}
			p.Environment.Name = "production"
			if _, err := originOfProject(t.Context(), p, src); release.KindOf(err) != release.KindDenied {
				t.Errorf("production needs to know, but %s: %v", where, err)
			}
		}
	})
}
