package e2e

import (
	"net/http"
	"testing"
)

// shop is a project of one service with a check beside it.
var shop = map[string]string{
	"Dockerfile": `FROM busybox AS content
RUN mkdir /www && echo one > /www/version

FROM content AS check
RUN grep -q . /www/version

FROM busybox
COPY --from=content /www /www
EXPOSE 8080
HEALTHCHECK --interval=1s CMD wget -q -O /dev/null http://localhost:8080/version
CMD ["httpd", "-f", "-p", "8080", "-h", "/www"]
`,
	"compose.yaml": `services:
  shop:
    build: .
    ports: ["127.0.0.1:{{port}}:8080"]
    stop_grace_period: 1s
    deploy: {replicas: 2}
`,
}

func TestLifeOfAService(t *testing.T) {
	t.Parallel()
	s := newSite(t, shop)
	s.up(0)
	s.answers("one")

	step := func(name string, f func()) {
		t.Log(name)
		f()
	}
	step("nothing changed, nothing is done", func() {
		before := s.run(0, "history", "--json")
		s.up(0)
		if after := s.run(0, "history", "--json"); before != after {
			t.Errorf("a deployment came of nothing:\n%s", after)
		}
	})
	step("an update fails no request", func() {
		load := s.load("version")
		s.edit("Dockerfile", "echo one", "echo two")
		s.up(0)
		s.answers("two")
		s.noneFailed(load)
	})
	step("a failing check releases nothing", func() {
		s.edit("Dockerfile", "grep -q .", "grep -q three")
		s.up(5)
		s.answers("two")
		s.edit("Dockerfile", "grep -q three", "grep -q .")
	})
	step("a version that does not come up leaves the old one serving", func() {
		s.edit("Dockerfile", `"httpd", "-f"`, `"false", "-f"`)
		s.up(6)
		s.answers("two")
		s.edit("Dockerfile", `"false", "-f"`, `"httpd", "-f"`)
	})
	step("traffic goes on without the engine, and the next one adopts", func() {
		load := s.load("version")
		s.killEngine()
		s.answers("two")
		s.run(0, "scale", "shop=3")
		s.noneFailed(load)
	})
	step("rollback goes back by digest and holds", func() {
		s.run(0, "rollback")
		s.answers("one")
		s.up(7)
		s.run(0, "resume")
		s.up(0)
		s.answers("two")
	})
	s.run(0, "down", "--volumes", "--yes")
	http.DefaultClient.CloseIdleConnections() // what is open may be told 503; a new connection finds nobody
	if resp, err := http.Get(s.url()); err == nil {
		resp.Body.Close()
		t.Error("somebody listens after down")
	}
	s.refused(8, []string{"scale", "shop=3"}, "nothing is deployed in shop/local", "seaworthy up")
}

// answers asks the shop which version it serves.
func (s *site) answers(version string) {
	s.t.Helper()
	if got := s.get("version"); got != version {
		s.t.Fatalf("version %q serves, want %q", got, version)
	}
}
