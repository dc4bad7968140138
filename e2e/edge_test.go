package e2e

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

const edgeCompose = `services:
  web:
    build: .
    ports: ["127.0.0.1:{{port}}:8080", "127.0.0.1:%d:7000"]
    environment: {VERSION: "1"}
    healthcheck: {test: ["CMD", "/app", "health"], interval: 1s}
    stop_grace_period: 3s
    deploy: {replicas: 2}
`

// talk is a connection on which each line is answered.
type talk struct {
	t     *testing.T
	conn  net.Conn
	lines *bufio.Reader
}

func dial(t *testing.T, port int) *talk {
	t.Helper()
	conn, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", port))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	_ = conn.SetDeadline(time.Now().Add(time.Minute))
	return &talk{t, conn, bufio.NewReader(conn)}
}

// webSocket is a connection that has left HTTP as a WebSocket does.
func (s *site) webSocket() *talk {
	s.t.Helper()
	c := dial(s.t, s.port)
	fmt.Fprintf(c.conn, "GET /upgrade HTTP/1.1\r\nHost: shop\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n")
	resp, err := http.ReadResponse(c.lines, nil)
	if err != nil || resp.StatusCode != http.StatusSwitchingProtocols {
		s.t.Fatalf("upgrade: %v %+v", err, resp)
	}
	return c
}

// says sends a line and returns the answer.
func (c *talk) says(line string) (string, error) {
	if _, err := fmt.Fprintln(c.conn, line); err != nil {
		return "", err
	}
	answer, err := c.lines.ReadString('\n')
	return strings.TrimSpace(answer), err
}

func (c *talk) wants(line, want string) {
	c.t.Helper()
	if got, err := c.says(line); err != nil || got != want {
		c.t.Errorf("said %q: answer %q (%v), want %q", line, got, err, want)
	}
}

func TestEveryProtocolPassesThroughAPublishedPort(t *testing.T) {
	t.Parallel()
	tcp := freePort(t)
	s := newAppSite(t, fmt.Sprintf(edgeCompose, tcp))
	s.up(0)

	hosts := map[string]bool{}
	s.eventually("requests of one connection go to both replicas", func() bool {
		hosts[s.get("host")] = true
		return len(hosts) == 2
	})
	if got := s.get("proto"); got != "HTTP/1.1" {
		t.Errorf("HTTP/1.1 arrives as %q", got)
	}
	if got := s.getWithoutUpgrade("proto"); got != "HTTP/2.0" {
		t.Errorf("h2c arrives as %q", got)
	}
	ws := s.webSocket()
	ws.wants("one", "1 one")
	ws.wants("two", "1 two")
	raw := dial(t, tcp)
	raw.wants("hello", "1 hello")
	raw.wants("again", "1 again")
	next, end := s.stream()
	defer end()
	for n := range 3 {
		if got, want := next(), fmt.Sprintf("1 %d", n); got != want {
			t.Errorf("streamed %q, want %q", got, want)
		}
	}
}

// getWithoutUpgrade speaks HTTP/2 from the first byte.
func (s *site) getWithoutUpgrade(path string) string {
	s.t.Helper()
	transport := &http.Transport{Protocols: new(http.Protocols)}
	transport.Protocols.SetUnencryptedHTTP2(true)
	defer transport.CloseIdleConnections()
	resp, err := (&http.Client{Transport: transport}).Get(s.url() + path)
	if err != nil {
		s.t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		s.t.Fatal(err)
	}
	return strings.TrimSpace(string(body))
}

// stream is an answer that does not end: its next line, and what ends it.
func (s *site) stream() (next func() string, end func()) {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(s.t.Context(), 2*time.Minute)
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, s.url()+"stream", nil)
	if err != nil {
		s.t.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		s.t.Fatal(err)
	}
	lines := bufio.NewReader(resp.Body)
	next = func() string {
		line, err := lines.ReadString('\n')
		if err != nil {
			s.t.Errorf("stream: %v", err)
		}
		return strings.TrimSpace(line)
	}
	return next, func() { cancel(); resp.Body.Close() }
}

func TestAPortThatIsLeftOpenIsChosenAndKept(t *testing.T) {
	t.Parallel()
	s := newAppSite(t, `services:
  web: {build: ., ports: ["8080", "127.0.0.1:{{port}}:8080"], environment: {VERSION: "1"}, stop_grace_period: 1s}
`)
	published := func() int {
		for _, found := range s.status().Services {
			return found.Ports[0].Published
		}
		return 0
	}
	s.up(0)
	first := published()
	open := *s
	open.port = first
	open.serves("1")
	s.setEnvironment(`VERSION: "1"`, `VERSION: "2"`)
	s.up(0)
	open.serves("2")
	s.run(0, "down")
	s.up(0)
	if got := published(); got != first {
		t.Errorf("the port was %d and is %d", first, got)
	}
}

func TestAPortGoesFromOneServiceToAnotherWithoutAnInterruption(t *testing.T) {
	t.Parallel()
	s := newAppSite(t, `services:
  web: {build: ., ports: ["127.0.0.1:{{port}}:8080"], environment: {VERSION: "1"}, stop_grace_period: 1s}
`)
	s.up(0)
	load := s.load("version")
	s.edit("compose.yaml", "  web:", "  renamed:")
	s.setEnvironment(`VERSION: "1"`, `VERSION: "2"`)
	s.up(0)
	s.noneFailed(load)
	s.serves("2")
	if got := s.replicas("web"); len(got) > 0 {
		t.Errorf("the service that went is still there: %+v", got)
	}
}

func TestADrainGivesConnectionsTheirGracePeriod(t *testing.T) {
	t.Parallel()
	s := newAppSite(t, fmt.Sprintf(edgeCompose, freePort(t)))
	s.up(0)
	update := func(from, to string) (done chan result) {
		s.setEnvironment(fmt.Sprintf("VERSION: %q", from), fmt.Sprintf("VERSION: %q", to))
		done = make(chan result, 1)
		go func() { done <- s.try("up") }()
		s.eventually("version "+to+" answers", func() bool { return s.fetch("version") == to })
		return done
	}
	finished := func(done chan result) {
		t.Helper()
		if r := <-done; r.code != 0 {
			t.Errorf("up: exit code %d\n%s%s", r.code, r.out, r.err)
		}
	}

	ws := s.webSocket()
	ws.wants("before", "1 before")
	done := update("1", "2")
	ws.wants("while the new one serves", "1 while the new one serves")
	_ = ws.conn.Close()
	finished(done)

	stays := s.webSocket()
	stays.wants("before", "2 before")
	done = update("2", "3")
	stays.wants("while the new one serves", "2 while the new one serves")
	finished(done) // the grace period has passed
	if answer, err := stays.says("too late"); !errors.Is(err, io.EOF) && err == nil {
		t.Errorf("a connection outlives its replica: %q", answer)
	}
}

func TestTrafficAndNamesGoOnWithoutTheEngineAndWithANewerOne(t *testing.T) {
	t.Parallel()
	s := newAppSite(t, fmt.Sprintf(edgeCompose, freePort(t))+`  api: {build: ., expose: ["8080"], environment: {VERSION: api}, stop_grace_period: 1s}
`)
	s.up(0)
	byName := query("get", "url", "http://api:8080/version")
	load, named := s.load("version"), s.load(byName)
	next, end := s.stream()
	defer end()
	ws := s.webSocket()
	goesOn := func(when string) {
		t.Helper()
		for range 3 {
			_ = next()
		}
		ws.wants(when, "1 "+when)
	}
	before := s.engine()

	s.killEngine()
	goesOn("without an engine")
	if got := s.get(query("lookup", "name", "api")); got == "" {
		t.Error("names are not answered without an engine")
	}

	s.bin = filepath.Join(s.tmp, "newer")
	if err := buildBinary(s.bin, "e2e-newer", "-overlay", s.anotherEdge()); err != nil {
		t.Fatal(err)
	}
	s.untouched("web", func() {
		s.run(0, "engine", "status") // starts none
		_ = s.status()               // starts the newer one
		after := s.engine()
		if after.Version != "e2e-newer" || after.PID == before.PID {
			t.Errorf("engine: %+v after %+v", after, before)
		}
		if after.Edge == before.Edge {
			t.Errorf("the edge was not handed over: %+v", after)
		}
	})
	goesOn("with a newer engine and edge")
	s.noneFailed(load)
	s.noneFailed(named)
	ws.conn.Close()

	s.setEnvironment(`VERSION: "1"`, `VERSION: "2"`)
	s.up(0)
	s.serves("2")
}

// anotherEdge is an overlay for go build in which the edge's own program is another one: one that is the same has nothing to
// hand over.
func (s *site) anotherEdge() string {
	s.t.Helper()
	edge := filepath.Join(s.tmp, "seaworthy-edge")
	build := exec.Command("go", "build", "-ldflags", "-X main.newer=yes", "-o", edge, "../internal/edge/server/seaworthy-edge")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		s.t.Fatalf("build another edge: %v\n%s", err, out)
	}
	embedded, err := filepath.Abs("../internal/program/embedded/seaworthy-edge")
	if err != nil {
		s.t.Fatal(err)
	}
	overlay, err := json.Marshal(map[string]any{"Replace": map[string]string{embedded: edge}})
	if err != nil {
		s.t.Fatal(err)
	}
	path := filepath.Join(s.tmp, "overlay.json")
	s.write(path, string(overlay))
	return path
}

func TestRequestsThatAreHeldWaitForTheWayBackToo(t *testing.T) {
	t.Parallel()
	s := newAppSite(t, `services:
  web:
    build: .
    ports: ["127.0.0.1:{{port}}:8080"]
    environment: {VERSION: "1", STARTUP: 4s}
    healthcheck: {test: ["CMD", "/app", "health"], interval: 1s, retries: 2, timeout: 1s, start_period: 3s}
    volumes: ["data:/data"]
    stop_grace_period: 1s
volumes: {data: }
`)
	s.up(0)
	s.setEnvironment(`VERSION: "1", STARTUP: 4s`, `VERSION: "2", SICK: "yes"`)
	load := s.load("version") // waits for 5 seconds until the new one is given up, and for 4 until the old one is back
	s.refused(6, []string{"up"}, "web 1")
	s.noneFailed(load)
	s.serves("1")
}

func TestServicesAreToldWhoAskedByTheEdgeAndByTrustedProxies(t *testing.T) {
	t.Parallel()
	s := newAppSite(t, `services:
  web: {build: ., ports: ["127.0.0.1:{{port}}:8080"], stop_grace_period: 1s}
`)
	s.up(0)
	asked := func() string {
		t.Helper()
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.url()+"asked", nil)
		if err != nil {
			t.Fatal(err)
		}
		for name, value := range map[string]string{
			"X-Forwarded-For": "198.51.100.7", "X-Forwarded-Proto": "https", "X-Real-IP": "198.51.100.7",
			"Connection": "Upgrade, HTTP2-Settings", "Upgrade": "h2c", "HTTP2-Settings": "AAMAAABkAAQAAP__",
		} {
			req.Header.Set(name, value)
		}
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		body, err := io.ReadAll(resp.Body)
		if err != nil || resp.StatusCode != http.StatusOK {
			t.Errorf("answer %s %v", resp.Status, err)
		}
		return strings.TrimSpace(string(body))
	}
	if got := asked(); got != "127.0.0.1 http" {
		t.Errorf("asked by the world: %q", got)
	}
	s.write(filepath.Join(s.tmp, "engine.yaml"), fmt.Sprintf("mirrors: {docker.io: [%q]}\ntrustedProxies: [127.0.0.0/8]\n", bases))
	s.run(0, "engine", "restart")
	if got := asked(); got != "198.51.100.7, 127.0.0.1 https 198.51.100.7" {
		t.Errorf("asked by a trusted proxy: %q", got)
	}
}
