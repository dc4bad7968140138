package cli

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/seaworthyhq/seaworthy/internal/project"
)

// The engine knows a context by the session that serves it. Dockerfiles of one context share it, unless one of them may read more.
func TestDockerfilesThatReadTheSameShareASession(t *testing.T) {
	dir := t.TempDir()
	for name, content := range map[string]string{
		"Dockerfile": "FROM busybox AS test\nRUN true\nFROM busybox\nRUN true\n", "Dockerfile.b": "FROM busybox AS lint\nRUN true\nFROM busybox\nCOPY . /\n",
		"other/Dockerfile": "FROM busybox\nCOPY . /\n", "token": "x",
		"compose.yaml": `
services:
  a: {build: {context: ., args: {A: a}}}
  b: {build: {context: ., dockerfile: Dockerfile.b}}
  elsewhere: {build: {context: ./other}}
  secretive: {build: {context: ., args: {S: s}, secrets: [token]}}
secrets:
  token: {file: ./token}
`,
		"seaworthy.yaml": "checks:\n  test: {reports: /r}\n  b/lint: {reports: /r}\n",
	} {
		if err := os.MkdirAll(filepath.Dir(filepath.Join(dir, name)), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	p, err := project.Load(t.Context(), project.Options{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	groups, err := groupSources(p)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, g := range groups {
		var keys []string
		for _, d := range g.dockerfiles {
			keys = append(keys, d.Key)
		}
		got = append(got, fmt.Sprintf("%s: %s", strings.Join(keys, " "), slices.Sorted(maps.Keys(g.sources.Reports))))
	}
	want := []string{"a b: [stage:a/test stage:b/lint]", "secretive: [stage:secretive/test]", "elsewhere: []"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}
