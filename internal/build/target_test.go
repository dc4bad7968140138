package build_test

import (
	"strings"
	"testing"

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
