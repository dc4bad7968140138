package e2e

import (
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// query is a path with parameters in pairs.
func query(path string, params ...string) string {
	values := url.Values{}
	for i := 0; i < len(params); i += 2 {
		values.Set(params[i], params[i+1])
	}
	return path + "?" + values.Encode()
}

func TestServicesSpeakByNameAndWhatDidNotChangeIsNotTouched(t *testing.T) {
	t.Parallel()
	udp := freePort(t)
	s := newAppSite(t, fmt.Sprintf(`services:
  web:
    build: .
    ports: ["127.0.0.1:{{port}}:8080"]
    environment: {VERSION: web1}
    healthcheck: {test: ["CMD", "/app", "health"]}
    stop_grace_period: 1s
    depends_on: [api, cache]
    links: ["api:upstream"]
  api:
    build: .
    ports: ["127.0.0.1:%d:7001/udp"]
    environment: {VERSION: api1}
    healthcheck: {test: ["CMD", "/app", "health"]}
    stop_grace_period: 1s
    networks: {default: {aliases: [backend]}}
    deploy: {replicas: 2}
  cache:
    image: busybox
    container_name: store
    command: ["sh", "-c", "echo cached > /tmp/version && exec httpd -f -p 8080 -h /tmp"]
    expose: ["8080"]
    stop_grace_period: 1s
`, udp))
	s.up(0)

	t.Run("by name, alias, TCP and UDP", func(t *testing.T) {
		for _, c := range []struct{ what, path, want string }{
			{"HTTP", query("get", "url", "http://api:8080/version"), "api1"},
			{"HTTP by alias", query("get", "url", "http://backend:8080/version"), "api1"},
			{"HTTP by the name of a link", query("get", "url", "http://upstream:8080/version"), "api1"},
			{"HTTP by container_name", query("get", "url", "http://store:8080/version"), "cached"},
			{"HTTP of an image that nobody built", query("get", "url", "http://cache:8080/version"), "cached"},
			{"TCP", query("ask", "network", "tcp", "addr", "api:7000"), "api1 hello"},
			{"UDP", query("ask", "network", "udp", "addr", "api:7001"), "api1 hello"},
		} {
			if got := s.get(c.path); got != c.want {
				t.Errorf("%s: got %q, want %q", c.what, got, c.want)
			}
		}
	})
	t.Run("UDP through the published port", func(t *testing.T) {
		if got := askUDP(t, udp); got != "api1 hello" {
			t.Errorf("got %q", got)
		}
	})
	t.Run("a name leads to all replicas", func(t *testing.T) {
		hosts := map[string]bool{}
		s.eventually("both replicas answer", func() bool {
			hosts[s.get(query("get", "url", "http://api:8080/host"))] = true
			return len(hosts) == 2
		})
	})
	t.Run("an update of api leaves web and cache as they are", func(t *testing.T) {
		s.untouched("web", func() {
			s.untouched("cache", func() {
				load := s.load(query("get", "url", "http://api:8080/version"))
				s.edit("compose.yaml", "VERSION: api1", "VERSION: api2")
				s.up(0)
				s.noneFailed(load)
			})
		})
		if got := s.get(query("get", "url", "http://api:8080/version")); got != "api2" {
			t.Errorf("web still speaks to %q", got)
		}
	})
	t.Run("a name that is not ours is looked up outside, quickly", func(t *testing.T) {
		resp, err := http.Get(s.url() + query("lookup", "name", "nobody.invalid"))
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if resp.StatusCode != http.StatusBadGateway {
			t.Errorf("a name that nobody has: %s", resp.Status)
		}
	})
}

func TestEachGenerationSeesItsOwn(t *testing.T) {
	t.Parallel()
	// web is well only when it reaches the api of its own version: the new one is never asked by the old api's callers.
	s := newAppSite(t, `services:
  web:
    build: .
    ports: ["127.0.0.1:{{port}}:8080"]
    environment: {VERSION: "1", STARTUP: 500ms}
    healthcheck: {test: ["CMD-SHELL", "/app health && wget -q -O - http://api:8080/version | grep -qx $$VERSION"], interval: 2s}
    stop_grace_period: 1s
    depends_on: {api: {condition: service_healthy}}
  api:
    build: .
    environment: {VERSION: "1"}
    healthcheck: {test: ["CMD", "/app", "health"]}
    stop_grace_period: 1s
`)
	s.up(0)
	pair := query("pair", "url", "http://api:8080/version")
	stop, stopped := make(chan struct{}), make(chan map[string]int)
	go func() {
		seen := map[string]int{}
		defer func() { stopped <- seen }()
		for {
			select {
			case <-stop:
				return
			default:
				seen[s.fetch(pair)]++
			}
		}
	}()
	s.edit("compose.yaml", `VERSION: "1"`, `VERSION: "2"`)
	s.up(0)
	if got := s.get(pair); got != "2 2" {
		t.Errorf("after the update: %q", got)
	}
	close(stop)
	seen := <-stopped
	for answer := range seen {
		if answer != "1 1" && answer != "2 2" {
			t.Errorf("a mixture of generations answered: %v", seen)
		}
	}
	if seen["1 1"] == 0 {
		t.Errorf("nothing was asked while the update went on: %v", seen)
	}
}

// fetch is the body of an answer, or what went wrong.
func (s *site) fetch(path string) string {
	resp, err := http.Get(s.url() + path)
	if err != nil {
		return err.Error()
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	switch {
	case err != nil:
		return err.Error()
	case resp.StatusCode != http.StatusOK:
		return resp.Status + ": " + strings.TrimSpace(string(body))
	}
	return strings.TrimSpace(string(body))
}

func TestATagStandsForOneImageUntilItIsPulled(t *testing.T) {
	t.Parallel()
	s := newAppSite(t, `services:
  web:
    build: .
    environment: {VERSION: "1"}
    stop_grace_period: 1s
  db:
    image: database:17
    command: ["sleep", "infinity"]
    stop_grace_period: 1s
    stop_signal: SIGKILL
`)
	mirror := s.mirror("database", "17", "busybox")
	s.up(0)
	first := s.image("db")

	s.untouched("db", func() {
		mirror("debian")
		s.edit("compose.yaml", `VERSION: "1"`, `VERSION: "2"`)
		s.up(0)
	})
	if got := s.image("db"); got != first {
		t.Errorf("the image of db moved from %s to %s without --pull", first, got)
	}
	s.run(0, "up", "--pull")
	if got := s.image("db"); got == first {
		t.Error("--pull did not look the tag up again")
	}
}

func (s *site) image(service string) string {
	s.t.Helper()
	for _, found := range s.status().Services {
		if found.Name == service {
			return found.Image.Digest
		}
	}
	s.t.Fatalf("no service %s", service)
	return ""
}

// mirror is a layout in which a tag stands for one of the base images; the function that it returns moves the tag to another.
// The engine has to start after it.
func (s *site) mirror(name, tag, base string) (move func(base string)) {
	s.t.Helper()
	layout := filepath.Join(s.tmp, "mirror")
	if err := os.MkdirAll(layout, 0o755); err != nil {
		s.t.Fatal(err)
	}
	for _, part := range []string{"blobs", "oci-layout"} {
		if err := os.Symlink(filepath.Join(bases, part), filepath.Join(layout, part)); err != nil {
			s.t.Fatal(err)
		}
	}
	move = func(base string) {
		s.t.Helper()
		var index map[string]any
		raw, err := os.ReadFile(filepath.Join(bases, "index.json"))
		if err == nil {
			err = json.Unmarshal(raw, &index)
		}
		if err != nil {
			s.t.Fatal(err)
		}
		for _, m := range index["manifests"].([]any) {
			m := m.(map[string]any)
			annotations := m["annotations"].(map[string]any)
			if annotations["io.containerd.image.name"] == "docker.io/library/"+base+":latest" {
				annotations["io.containerd.image.name"] = "docker.io/library/" + name + ":" + tag
				annotations["org.opencontainers.image.ref.name"] = tag
				index["manifests"] = []any{m}
			}
		}
		out, err := json.Marshal(index)
		if err != nil {
			s.t.Fatal(err)
		}
		s.write(filepath.Join(layout, "index.json"), string(out))
	}
	move(base)
	s.write(filepath.Join(s.tmp, "engine.yaml"), fmt.Sprintf("mirrors:\n  docker.io: [%q, %q]\n", layout, bases))
	return move
}

func askUDP(t *testing.T, port int) string {
	t.Helper()
	conn, err := net.Dial("udp", fmt.Sprintf("127.0.0.1:%d", port))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(10 * time.Second))
	if _, err := fmt.Fprintln(conn, "hello"); err != nil {
		t.Fatal(err)
	}
	buf := make([]byte, 100)
	n, err := conn.Read(buf)
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(string(buf[:n]))
}

func TestRequestsThatWaitForAServiceGoOnWhenAllIsReplaced(t *testing.T) {
	t.Parallel()
	s := newAppSite(t, `services:
  web:
    build: .
    ports: ["127.0.0.1:{{port}}:8080"]
    environment: {VERSION: web1}
    healthcheck: {test: ["CMD", "/app", "health"], interval: 1s}
    stop_grace_period: 10s
    depends_on: [db]
    deploy: {replicas: 2}
  db:
    build: .
    environment: {VERSION: db1}
    healthcheck: {test: ["CMD", "/app", "health"], interval: 1s}
    stop_grace_period: 1s
    volumes: ["data:/data"]
volumes: {data: {}}
`)
	s.up(0)
	asks := query("get", "url", "http://db:8080/version")
	first, second := s.load(asks), s.load(asks)
	for _, version := range []string{"2", "3", "4"} {
		was := string(version[0] - 1)
		s.edit("compose.yaml", "db"+was, "db"+version)
		s.edit("compose.yaml", "web"+was, "web"+version)
		s.up(0)
	}
	s.noneFailed(first)
	s.noneFailed(second)
	if got := s.fetch(asks); got != "db4" {
		t.Errorf("db is %q", got)
	}
}
