package build_test

import (
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/crane"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/mutate"

	"github.com/seaworthyhq/seaworthy/internal/build/session"
	"github.com/seaworthyhq/seaworthy/internal/release"
)

// A stage whose name a later one has too, or whose place in the file is another one's name, is asked for by index.
func TestOfStagesWithOneNameEachIsBuilt(t *testing.T) {
	y := newYard(t)
	dir := project(t, map[string]string{"Dockerfile": `FROM busybox AS test
RUN echo first > /is
FROM test AS \
  Test
RUN echo second >> /is
FROM busybox AS stage-4
RUN echo named > /is
FROM busybox AS test
RUN echo third > /is
FROM busybox
RUN echo unnamed; false
FROM scratch
`})
	res, _ := y.build(t, y.request(t, dir, "=0", "=1", "=3", "=test", "=stage-4"))
	for stage, want := range map[string]string{"0": "first\n", "1": "first\nsecond\n", "3": "third\n", "test": "third\n", "stage-4": "named\n"} {
		if got := y.read(t, res.Images["stage:"+stage], "is"); got != want {
			t.Errorf("stage %s has %q, not %q", stage, got, want)
		}
	}
	u, _ := y.fail(t, y.request(t, dir, "4"))
	if u.Kind != release.KindCheck || !strings.Contains(u.Detail, ">>> RUN echo unnamed") {
		t.Errorf("%v\n%s", u, u.Detail)
	}
}

// What an image triggers nobody knows before it is looked at: it may take from stages that a check was not known to need.
func TestACheckHasTheStagesThatItsBaseImageTakesFrom(t *testing.T) {
	y := newYard(t)
	img, err := crane.Image(map[string][]byte{"cargo": []byte("cargo\n")})
	if err == nil {
		img, err = mutate.Config(img, v1.Config{OnBuild: []string{"COPY --from=builder /made /made"}})
	}
	if err != nil {
		t.Fatal(err)
	}
	layouts := t.TempDir()
	l, err := layout.Write(layouts, empty.Index)
	if err == nil {
		err = l.AppendImage(img, layout.WithPlatform(v1.Platform{OS: "linux", Architecture: "amd64"}))
	}
	dgst, digestErr := img.Digest()
	if err != nil || digestErr != nil {
		t.Fatal(err, digestErr)
	}
	dir := project(t, map[string]string{"Dockerfile": `FROM busybox AS builder
RUN echo made > /made
FROM hold AS child
FROM busybox AS test
COPY --from=child /made /made
RUN grep made /made
`})
	req := y.requestWith(t, dir, session.Sources{Layouts: map[string]string{"hold": layouts}}, "test")
	req.NamedContexts = map[string]string{"hold": "oci-layout://hold@" + dgst.String()}
	req.Takes = [][]int{nil, nil, {1}} // as the Dockerfile has it
	y.build(t, req)
}
