package e2e

import (
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestNetworksKeepServicesApart(t *testing.T) {
	t.Parallel()
	s := newAppSite(t, `services:
  web: {build: ., ports: ["127.0.0.1:{{port}}:8080"], networks: [front, middle], environment: {VERSION: web}, stop_grace_period: 1s}
  api: {build: ., expose: ["8080"], networks: [middle], environment: {VERSION: api}, stop_grace_period: 1s}
  db:  {build: ., expose: ["8080"], networks: [back], environment: {VERSION: db}, stop_grace_period: 1s}
networks: {front: , middle: , back: {internal: true}}
`)
	other := newAppSite(t, `name: stranger
services:
  db: {build: ., ports: ["127.0.0.1:{{port}}:8080"], environment: {VERSION: stranger}, stop_grace_period: 1s}
`)
	s.up(0)
	other.up(0)
	here := *other
	here.root, here.env = s.root, s.env // the other project once more, on the same engine
	here.edit("compose.yaml", "127.0.0.1:", "127.0.0.2:")
	here.up(0)

	if got := s.fetch(query("get", "url", "http://api:8080/version")); got != "api" {
		t.Errorf("services that share a network: %q", got)
	}
	db := s.replicas("db")[0].IP
	for what, path := range map[string]string{
		"by name, in another network":              query("ask", "network", "tcp", "addr", "db:7000"),
		"by address, in another network":           query("ask", "network", "tcp", "addr", db+":7000"),
		"by address, of another project":           query("ask", "network", "tcp", "addr", here.replicas("db")[0].IP+":7000"),
		"by address, of another engine's projects": query("ask", "network", "tcp", "addr", other.replicas("db")[0].IP+":7000"),
	} {
		if got := s.fetch(path); !strings.HasPrefix(got, "502") {
			t.Errorf("%s: %q", what, got)
		}
	}
}

func TestReplicasReachTheOutsideAndTheHost(t *testing.T) {
	t.Parallel()
	outside, port := strangeNamespace(t)
	s := newAppSite(t, fmt.Sprintf(`services:
  web:
    build: .
    ports: ["127.0.0.1:{{port}}:8080"]
    hostname: shop.example
    extra_hosts: ["outside.example=%s", "host.docker.internal=host-gateway"]
    stop_grace_period: 1s
  shut:
    build: .
    ports: ["127.0.0.1:%d:8080"]
    networks: [inner]
    stop_grace_period: 1s
networks: {inner: {internal: true}}
`, outside, port))
	s.up(0)
	for what, c := range map[string]struct{ path, want string }{
		"by address":           {query("get", "url", "http://"+outside+":8080/version"), "outside"},
		"by extra_hosts":       {query("get", "url", "http://outside.example:8080/version"), "outside"},
		"its own hostname":     {"host", "shop.example"},
		"its hostname by name": {query("get", "url", "http://shop.example:8080/host"), "shop.example"},
	} {
		if got := s.fetch(c.path); got != c.want {
			t.Errorf("%s: got %q, want %q", what, got, c.want)
		}
	}
	gateway := s.inside("web", "ip route | sed -n 's/^default via \\([0-9.]*\\).*/\\1/p'")
	if got := s.fetch(query("lookup", "name", "host.docker.internal")); got != gateway {
		t.Errorf("host-gateway is %q, want %q", got, gateway)
	}
	host := hostListener(t, gateway)
	if got := s.fetch(query("get", "url", "http://host.docker.internal:"+host)); got != "the host" {
		t.Errorf("what listens at the host's side of the network: %q", got)
	}
	shut := *s
	shut.port = port
	if got := shut.fetch(query("get", "url", "http://"+outside+":8080/version")); !strings.HasPrefix(got, "502") {
		t.Errorf("out of an internal network: %q", got)
	}
}

func TestFirewallRulesThatSomebodyFlushedComeBack(t *testing.T) {
	t.Parallel()
	s := newSite(t, map[string]string{
		"Dockerfile": shop["Dockerfile"],
		"compose.yaml": `services:
  db:
    build: .
    stop_grace_period: 1s
  shop:
    build: .
    stop_grace_period: 1s
    ports: ["127.0.0.1:{{port}}:8080"]
`,
	})
	s.up(0)
	asksDB := func() bool {
		out := s.try("exec", "shop", "--", "timeout", "2", "wget", "-q", "-O", "-", "http://db:8080/version").out
		return strings.TrimSpace(out) == "one" // without the rules it reaches whoever has that port on the machine, if any
	}
	if !asksDB() {
		t.Fatal("one service does not reach the other")
	}
	forgetRules(t, s.engineID()[:4])
	if asksDB() {
		t.Fatal("names need no rules: this tests nothing")
	}
	s.answers("one")
	s.eventually("one service reaches the other again", asksDB)
}

// hostListener answers at an address of this machine; it returns the port.
func hostListener(t *testing.T, address string) string {
	t.Helper()
	l, err := net.Listen("tcp", net.JoinHostPort(address, "0"))
	if err != nil {
		t.Fatal(err)
	}
	server := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "the host") })}
	go func() { _ = server.Serve(l) }() // until the test ends
	t.Cleanup(func() { _ = server.Close() })
	_, port, _ := net.SplitHostPort(l.Addr().String())
	return port
}

// strangeNamespace is a host outside of this one, as far as replicas can tell: its address, where testdata/app answers, and a port
// that is free here.
func strangeNamespace(t *testing.T) (address string, free int) {
	t.Helper()
	app, err := appBinary()
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "app")
	if err := os.WriteFile(path, []byte(app), 0o755); err != nil {
		t.Fatal(err)
	}
	free = freePort(t)
	name := fmt.Sprintf("swout%d", free)
	at := func(host int) string { return fmt.Sprintf("198.18.%d.%d", free/64%256, free%64*4+host) } // a network of four addresses
	us, them := at(1), at(2)
	ip := func(args ...string) {
		t.Helper()
		if out, err := exec.Command("ip", args...).CombinedOutput(); err != nil {
			t.Fatalf("ip %v: %v\n%s", args, err, out)
		}
	}
	ip("netns", "add", name)
	t.Cleanup(func() { ip("netns", "delete", name) }) // and the pair of interfaces with it
	ip("link", "add", name, "type", "veth", "peer", "name", "eth0", "netns", name)
	ip("address", "add", us+"/30", "dev", name)
	ip("link", "set", name, "up")
	ip("-n", name, "address", "add", them+"/30", "dev", "eth0")
	ip("-n", name, "link", "set", "eth0", "up")
	ip("-n", name, "link", "set", "lo", "up")
	server := exec.Command("ip", "netns", "exec", name, path)
	server.Env = append(os.Environ(), "VERSION=outside")
	if err := server.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = server.Process.Kill(); _ = server.Wait() })
	return them, free
}

func TestAPortOfAnotherEnvironmentIsNamedBeforeAnythingIsBuilt(t *testing.T) {
	t.Parallel()
	compose := `services:
  web: {build: ., ports: ["127.0.0.1:{{port}}:8080"], environment: {VERSION: "1"}, stop_grace_period: 1s}
`
	first, second := newAppSite(t, "name: first\n"+compose), newAppSite(t, "name: second\n"+compose)
	second.root, second.env = first.root, first.env // on the same engine
	second.edit("compose.yaml", fmt.Sprint(second.port), fmt.Sprint(first.port))
	second.port = first.port

	t.Log("both at once")
	ended := make(chan result, 2)
	for _, s := range []*site{first, second} {
		go func() { ended <- s.try("up") }()
	}
	results := []result{<-ended, <-ended}
	winner, loser := first, second
	if strings.Contains(results[0].out+results[0].err+results[1].out+results[1].err, "is taken by second/local") {
		winner, loser = second, first
	}
	if codes := []int{results[0].code, results[1].code}; codes[0]+codes[1] != 7 || codes[0]*codes[1] != 0 {
		t.Errorf("exit codes %v of %+v", codes, results)
	}
	winner.serves("1")

	t.Log("one after the other")
	name := map[*site]string{first: "first", second: "second"}[winner]
	loser.edit("Dockerfile", "FROM busybox", "FROM busybox\nRUN exit 1")
	said := []string{fmt.Sprintf("port %d, which web publishes, is taken by %s/local", first.port, name), "seaworthy down -e " + name + "/local"}
	loser.refused(7, []string{"up"}, said...)
	loser.edit("Dockerfile", "\nRUN exit 1", "")
	loser.refused(0, []string{"plan"}, said...)
	winner.run(0, "down")
	loser.up(0)
	loser.serves("1")
}

func TestAUDPPortIsPublishedUnderItsOwnNumberAtAllAddresses(t *testing.T) {
	t.Parallel()
	s := newAppSite(t, `services:
  web:
    build: .
    ports: ["{{port}}:{{port}}/udp", "127.0.0.1:{{port}}:8080"]
    environment: {VERSION: "1", UDP_PORT: "{{port}}"}
    stop_grace_period: 1s
`)
	s.up(0)
	byName := query("ask", "network", "udp", "addr", fmt.Sprintf("web:%d", s.port))
	if got := s.get(byName); got != "1 hello" {
		t.Errorf("asked by a neighbour: %q", got)
	}
	s.edit("compose.yaml", `VERSION: "1"`, `VERSION: "2"`)
	s.up(0)
	if got := s.get(byName); got != "2 hello" {
		t.Errorf("asked by a neighbour: %q", got)
	}
	conn, err := net.Dial("udp", fmt.Sprintf("127.0.0.1:%d", s.port))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	s.eventually("the world is answered", func() bool {
		_ = conn.SetDeadline(time.Now().Add(time.Second))
		if _, err := fmt.Fprint(conn, "hi"); err != nil {
			return false
		}
		answer := make([]byte, 100)
		n, err := conn.Read(answer)
		return err == nil && string(answer[:n]) == "2 hi"
	})
}
