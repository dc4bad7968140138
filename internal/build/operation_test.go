package build_test

import (
	"path/filepath"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/opencontainers/go-digest"

	"github.com/seaworthyhq/seaworthy/internal/build"
)

const branches = `FROM busybox AS assets
WORKDIR /w
COPY www/ ./
RUN cat * > /page
FROM busybox AS web
COPY *.sh /
RUN --mount=type=bind,source=list,target=/list cat /list > /listed
COPY --from=assets /page /
`

var branchFiles = map[string]string{"Dockerfile": branches, "www/a": "a\n", "app.sh": "app\n", "list": "list\n", "unused": "unused\n"}

// fresh are the operations with keys that those of before do not have.
func fresh(before, now build.Image) []string {
	known := map[digest.Digest]bool{}
	for _, op := range before.Operations {
		known[op.Key] = true
	}
	texts := []string{}
	for _, op := range now.Operations {
		if !known[op.Key] {
			texts = append(texts, op.Text)
		}
	}
	slices.Sort(texts)
	return texts
}

func TestOperationsTellWhatMadeAnImageDiffer(t *testing.T) {
	y := newYard(t)
	copies := []string{"COPY --from=assets /page /"}
	for name, row := range map[string]struct {
		change func(t *testing.T, dir string, req *build.Request)
		want   []string
	}{
		"nothing changed, and everything ran again": {
			func(_ *testing.T, _ string, req *build.Request) { req.NoCache = true }, []string{},
		},
		"a file that nothing takes": {
			func(t *testing.T, dir string, _ *build.Request) { write(t, filepath.Join(dir, "unused"), "other\n") }, []string{},
		},
		"a file of a folder": {
			func(t *testing.T, dir string, _ *build.Request) { write(t, filepath.Join(dir, "www/a"), "b\n") },
			append(copies, "COPY www/ ./", "RUN cat * > /page"),
		},
		"a file that a pattern finds": {
			func(t *testing.T, dir string, _ *build.Request) { write(t, filepath.Join(dir, "more.sh"), "more\n") },
			append(copies, "COPY *.sh /", "RUN --mount=type=bind,source=list,target=/list cat /list > /listed"),
		},
		"a file that is mounted": {
			func(t *testing.T, dir string, _ *build.Request) { write(t, filepath.Join(dir, "list"), "longer\n") },
			append(copies, "RUN --mount=type=bind,source=list,target=/list cat /list > /listed"),
		},
		"an instruction": {
			func(_ *testing.T, _ string, req *build.Request) {
				req.Dockerfile = []byte(branches + "RUN echo more\n")
			},
			[]string{"RUN echo more"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			dir := project(t, branchFiles)
			before, _ := y.build(t, y.request(t, dir, "=web"))
			req := y.request(t, dir, "=web")
			row.change(t, dir, &req)
			after, _ := y.build(t, req)
			slices.Sort(row.want)
			if diff := cmp.Diff(row.want, fresh(before.Images["stage:web"], after.Images["stage:web"])); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
			if len(before.Images["stage:web"].Operations) < 6 {
				t.Errorf("operations: %+v", before.Images["stage:web"].Operations)
			}
		})
	}
}
