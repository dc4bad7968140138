package pipeline

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/seaworthyhq/seaworthy/internal/build"
	"github.com/seaworthyhq/seaworthy/internal/graph"
	"github.com/seaworthyhq/seaworthy/internal/project"
	"github.com/seaworthyhq/seaworthy/internal/release"
)

// What compose says of how a build runs reaches the build.
func TestBuildRunsAsComposeSays(t *testing.T) {
	dir := t.TempDir()
	for name, content := range map[string]string{
		"Dockerfile": "FROM busybox AS news\nRUN true\nFROM news\nRUN true\n",
		"compose.yaml": `
services:
  web:
    build:
      context: .
      network: none
      no_cache_filter: [news]
      shm_size: 96m
      ulimits: {nofile: {soft: 1062, hard: 2062}, nproc: 4321}
`,
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	p, err := project.Load(t.Context(), project.Options{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	type settings struct {
		Network string
		NoCache []string
		Shm     int64
		Ulimits map[string]release.Ulimit
	}
	of := func(r build.Request) settings { return settings{r.Network, r.NoCacheFilter, r.ShmSize, r.Ulimits} }
	want := settings{"none", []string{"news"}, 96 << 20, map[string]release.Ulimit{"nofile": {Soft: 1062, Hard: 2062}, "nproc": {Soft: 4321, Hard: 4321}}}
	got, _ := request(Input{ImageName: func(key string) string { return key }}, graph.New(p), p.Dockerfiles[:1])
	if diff := cmp.Diff(want, of(got)); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
}

func TestTheBuilderIsToldWhatStagesTakeFromEachOther(t *testing.T) {
	dir := t.TempDir()
	text := "FROM busybox AS a\nFROM busybox\nFROM a\nCOPY --from=1 /x /x\nRUN --mount=from=a,target=/a true\n"
	if err := os.WriteFile(filepath.Join(dir, "Dockerfile"), []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	p, err := project.Load(t.Context(), project.Options{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([][]int{nil, nil, {0, 1, 0}}, takes(p.Dockerfiles[0])); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
	p.Dockerfiles[0].Remote = true
	if got := takes(p.Dockerfiles[0]); got != nil {
		t.Errorf("of a Dockerfile that only the builder reads: %v", got)
	}
}
