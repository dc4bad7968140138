package cli

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/seaworthyhq/seaworthy/internal/project"
)

func TestShippedIsWhatBuildsAreSentAndReplicasMount(t *testing.T) {
	dir := t.TempDir()
	for name, content := range map[string]string{
		"Dockerfile":    "FROM busybox\nCOPY . /src\n",
		".dockerignore": "node_modules\nlogs/*\n!logs/kept\n**/*.tmp\n",
		"compose.yaml": `services:
  web: {build: ., env_file: [web.env], secrets: [token], volumes: ["./conf/app.conf:/etc/app.conf:ro"]}
secrets: {token: {file: ./private/token}}
`,
		"web.env": "A=1\n", ".env": "B=2\n", "private/token": "t", "private/more": "m",
		"node_modules/a/b.js": "1", "logs/a": "1", "logs/kept": "1", "old/a.tmp": "1", "gen/deep/x.go": "1", "conf/app.conf": "1",
		"x.tmp": "1", "out.txt": "1", ".seaworthy/plan": "1", "secrets/token": "1",
	} {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	p, err := project.Load(t.Context(), project.Options{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	shippedOf := func(paths []string) ([]string, error) {
		contexts, err := contextsOf(p)
		return shipped(p, contexts, paths), err
	}
	for _, c := range []struct{ paths, want []string }{
		{nil, nil},
		{[]string{"out.txt", "x.tmp"}, []string{"out.txt"}},
		{[]string{"gen/", "node_modules/"}, []string{"gen/"}},
		{[]string{"web.env", ".env", "private/token"}, []string{}},
		{[]string{"private/"}, []string{"private/"}}, // there is more in it than the secret
		{[]string{"logs/"}, []string{"logs/"}},       // an exception has one of its files sent
		{[]string{"old/", ".seaworthy/"}, []string{}},
		{[]string{"conf/"}, []string{"conf/"}},
	} {
		got, err := shippedOf(c.paths)
		if diff := cmp.Diff(c.want, got); err != nil || diff != "" {
			t.Errorf("of %q: %v (-want +got):\n%s", c.paths, err, diff)
		}
	}

	t.Run("an exception with a wildcard may be anywhere", func(t *testing.T) {
		if err := os.WriteFile(filepath.Join(dir, ".dockerignore"), []byte("*\n!**/*.go\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		got, err := shippedOf([]string{"gen/", "logs/", "out.txt"})
		if diff := cmp.Diff([]string{"gen/"}, got); err != nil || diff != "" {
			t.Errorf("%v (-want +got):\n%s", err, diff)
		}
	})
	t.Run("of what no build is sent, what is mounted", func(t *testing.T) {
		if err := os.WriteFile(filepath.Join(dir, ".dockerignore"), []byte("*\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		got, err := shippedOf([]string{"conf/", "gen/", "out.txt"})
		if diff := cmp.Diff([]string{"conf/"}, got); err != nil || diff != "" {
			t.Errorf("%v (-want +got):\n%s", err, diff)
		}
	})
}
