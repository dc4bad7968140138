package e2e

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// made is what show says of how a release was made.
type made struct {
	Times struct {
		Steps []struct {
			Key, State             string
			Queued, Started, Ended time.Time
			Bytes                  int64
		}
		Path []struct {
			Step           string
			Line           int
			Started, Ended time.Time
		}
		Took time.Duration
	}
}

// The image has its own to do while the builder runs for longer; the check ends before both.
func TestAReleaseKeepsWhatTookHowLong(t *testing.T) {
	t.Parallel()
	s := newSite(t, map[string]string{
		"Dockerfile": `FROM busybox AS builder
RUN sleep 1.5; mkdir /www; echo well > /www/page
FROM busybox AS check
RUN sleep 0.1
FROM busybox
RUN sleep 0.2
COPY --from=builder /www /www
CMD ["httpd", "-f", "-p", "8080", "-h", "/www"]
`,
		"compose.yaml": "services: {web: {build: ., ports: ['127.0.0.1:{{port}}:8080'], stop_grace_period: 1s}}\n",
	})
	s.run(0, "build") // does the work: the release comes from its cache
	s.up(0)
	var first, again made
	s.readJSON(&first, "show")
	for _, step := range first.Times.Steps {
		if step.State != "done" || step.Queued.After(step.Started) || !step.Started.Before(step.Ended) {
			t.Errorf("step %+v", step)
		}
	}
	var path []string
	for i, leg := range first.Times.Path {
		if i > 0 && !leg.Started.Equal(first.Times.Path[i-1].Ended) {
			t.Errorf("a gap before %+v", leg)
		}
		if leg.Ended.Sub(leg.Started) > time.Millisecond {
			path = append(path, fmt.Sprintf("%s %d", leg.Step, leg.Line))
		}
	}
	if n := len(path); n < 2 || path[n-2] != "stage:builder 2" || !strings.HasPrefix(path[n-1], "stage:stage-2 ") {
		t.Errorf("path %v of %+v", path, first.Times)
	}
	out := s.run(0, "show")
	for _, want := range []string{"critical path of ", ": builder ", "(line 2: RUN sleep 1.5; "} {
		if !strings.Contains(out, want) {
			t.Errorf("show does not say %q:\n%s", want, out)
		}
	}

	s.up(0) // all is cached
	s.killEngine()
	s.readJSON(&again, "show")
	if diff := cmp.Diff(first, again); diff != "" {
		t.Errorf("after an up that did nothing, and a crash (-first +again):\n%s", diff)
	}
}
