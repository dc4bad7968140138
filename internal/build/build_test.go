package build_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/seaworthyhq/seaworthy/internal/event"
)

const pipeline = `FROM busybox AS builder
COPY main.txt /src/
RUN tr a-z A-Z < /src/main.txt > /out && echo built

FROM builder AS test
RUN grep HELLO /out && echo passed

FROM busybox AS web
COPY --from=builder /out /app
EXPOSE 8080
CMD ["cat", "/app"]
`

func TestChecksRunBesideTheImage(t *testing.T) {
	y := newYard(t)
	dir := project(t, map[string]string{"Dockerfile": pipeline, "main.txt": "hello\n"})

	res, rec := y.build(t, y.request(t, dir, "=web", "test"))

	want := map[string]event.State{"stage:builder": event.Done, "stage:test": event.Done, "stage:web": event.Done}
	if diff := cmp.Diff(want, rec.steps()); diff != "" {
		t.Errorf("steps (-want +got):\n%s", diff)
	}
	if got := rec.log("stage:test"); got != "HELLO\npassed\n" {
		t.Errorf("log of test: %q", got)
	}
	img := res.Images["stage:web"]
	if img.Digest == "" || img.Stage != "web" {
		t.Errorf("image: %+v", img.Image)
	}
	if _, ok := img.Config.Config.ExposedPorts["8080/tcp"]; !ok {
		t.Errorf("config: %+v", img.Config.Config)
	}
	if len(res.Bases) != 1 || res.Bases[0].Ref != "busybox:latest" || res.Bases[0].Digest == "" {
		t.Errorf("bases: %+v", res.Bases)
	}
	if got := y.read(t, img, "app"); got != "HELLO\n" {
		t.Errorf("image has %q", got)
	}
}
