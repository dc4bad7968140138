package runtime_test

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/vishvananda/netlink"

	"github.com/seaworthyhq/seaworthy/internal/release"
)

// fetch is a script that says what the HTTP server at an address and port answers. Debian's static wget cannot: it asks for
// libraries that a bare image has not.
func fetch(at string) string {
	host, port, err := net.SplitHostPort(at)
	if err != nil {
		panic(err)
	}
	return fmt.Sprintf(`answer=$(printf 'GET / HTTP/1.0\r\n\r\n' | nc -w 2 %s %s 2>/dev/null | tail -n 1); echo "${answer:-unreachable}"`, host, port)
}

// webServer is a service that answers with text on port 80.
func (e *engine) webServer(text string) release.Service {
	return e.service("sh", "-c", "mkdir /tmp/www; echo "+text+" > /tmp/www/index.html; httpd -f -p 80 -h /tmp/www")
}

func (e *engine) answers(id string) {
	e.t.Helper()
	eventually(e.t, id+" answers", func() bool {
		conn, err := e.Dial(e.t.Context(), id, 80)
		if err == nil {
			conn.Close()
		}
		return err == nil
	})
}

func TestReplicasOfANetworkReachEachOther(t *testing.T) {
	e := start(t)
	server := e.run("a", e.webServer("ahoy"))
	e.run("b", e.service("sleep", "600"))
	e.answers("a")
	if got := e.sh("b", fetch(server.IP+":80")); got != "ahoy" {
		t.Errorf("got %q", got)
	}
}

func TestTwoEnginesHaveReplicasOfTheSameName(t *testing.T) {
	first, second := start(t), start(t)
	first.run("a", first.webServer("ahoy"))
	second.run("a", second.webServer("hello"))
	first.answers("a")
	second.answers("a")
}

func TestEnvironmentsDoNotReachEachOther(t *testing.T) {
	e := start(t)
	other := release.Environment{Project: "test", Name: "other"}
	n, err := e.EnsureNetwork(t.Context(), other, release.Network{Name: "default"})
	if err != nil {
		t.Fatal(err)
	}
	server := e.run("a", e.webServer("ahoy"))
	e.answers("a")
	s := spec("b", e.service("sleep", "600"))
	s.Environment = other
	if err := e.Create(t.Context(), s); err != nil {
		t.Fatal(err)
	}
	if err := e.Start(t.Context(), "b"); err != nil {
		t.Fatal(err)
	}
	if got := e.sh("b", fetch(server.IP+":80")); got != "unreachable" {
		t.Errorf("replica of another environment got %q", got)
	}
	first := e.Networks()[0]
	if first.Environment == other {
		first = e.Networks()[1]
	}
	l := listen(t, netip.AddrPortFrom(first.Gateway, 0), "bridge")
	if got := e.sh("b", fetch(l)); got != "unreachable" {
		t.Errorf("the other's bridge answered %q", got)
	}
	if first.Subnet.Overlaps(n.Subnet) || first.VIPs.Overlaps(n.VIPs) {
		t.Errorf("%+v and %+v overlap", first, n)
	}
}

func TestStableAddressesLeadToTheRedirectPort(t *testing.T) {
	e := start(t)
	n := e.Networks()[0]
	listen(t, netip.AddrPortFrom(n.Gateway, uint16(n.RedirectPort)), "edge")
	e.run("a", e.service("sleep", "600"))
	if got := e.sh("a", fetch(n.VIPs.Addr().Next().String()+":8080")); got != "edge" {
		t.Errorf("got %q", got)
	}
}

// TestReplicasReachOutside has a machine of its own outside: a namespace behind a pair of interfaces.
func TestReplicasReachOutside(t *testing.T) {
	e := start(t)
	address := outside(t)
	if _, err := e.EnsureNetwork(t.Context(), env, release.Network{Name: "inside", Internal: true}); err != nil {
		t.Fatal(err)
	}
	e.run("a", e.service("sleep", "600"))
	eventually(t, "the outside answers", func() bool { return e.sh("a", fetch(address+":80")) == "outside" })

	svc := e.service("sleep", "600")
	svc.Networks = []release.Attachment{{Network: "inside"}}
	e.run("b", svc)
	if got := e.sh("b", fetch(address+":80")); got != "unreachable" {
		t.Errorf("from an internal network it got %q", got)
	}
}

func TestNetworksStayAcrossEngines(t *testing.T) {
	e := start(t)
	before := e.Networks()[0]
	e.close()
	e.open()
	after, err := e.EnsureNetwork(t.Context(), env, release.Network{Name: "default"})
	if err != nil || after != before {
		t.Errorf("was %+v, is %+v, %v", before, after, err)
	}
}

func TestLastNetworkTakesTheRulesAlong(t *testing.T) {
	e := start(t)
	rules := func() string {
		out, err := exec.Command("sh", "-c", "iptables-save").Output()
		if err != nil {
			t.Fatal(err)
		}
		return string(out)
	}
	bridge := e.Networks()[0].Bridge
	if !strings.Contains(rules(), bridge) {
		t.Fatalf("no rule names %s", bridge)
	}
	if err := e.RemoveNetwork(t.Context(), env, "default"); err != nil {
		t.Fatal(err)
	}
	if left := rules(); strings.Contains(left, bridge) {
		t.Errorf("left:\n%s", left)
	}
	if _, err := netlink.LinkByName(bridge); err == nil {
		t.Errorf("bridge %s is left", bridge)
	}
}

func TestBuildsHaveAWayOutAndLeaveNothing(t *testing.T) {
	e := start(t)
	address := outside(t)
	path, release, err := e.BuildNetwork().Attach(t.Context(), "step")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := release(); err != nil {
			t.Error(err)
		}
	})
	eventually(t, "the outside answers", func() bool {
		out, _ := exec.Command("nsenter", "--net="+path, "busybox", "sh", "-c", fetch(address+":80")).Output()
		return strings.TrimSpace(string(out)) == "outside"
	})
}

// listen answers HTTP requests with text until the test ends, and returns where.
func listen(t *testing.T, at netip.AddrPort, text string) string {
	t.Helper()
	l, err := net.Listen("tcp", at.String())
	if err != nil {
		t.Fatal(err)
	}
	server := &http.Server{
		Handler:           http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, text) }),
		ReadHeaderTimeout: time.Second,
	}
	go func() { _ = server.Serve(l) }()
	t.Cleanup(func() { _ = server.Close() })
	return l.Addr().String()
}

// outside makes a network namespace that answers "outside" on port 80, and returns its address.
func outside(t *testing.T) string {
	t.Helper()
	const name, address = "sw-outside", "198.51.100.2"
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "index.html"), []byte("outside"), 0o644); err != nil {
		t.Fatal(err)
	}
	script := `
ip netns add ` + name + `
ip link add swo-host type veth peer name eth0 netns ` + name + `
ip addr add 198.51.100.1/30 dev swo-host; ip link set swo-host up
ip -n ` + name + ` addr add ` + address + `/30 dev eth0; ip -n ` + name + ` link set eth0 up`
	if out, err := exec.Command("sh", "-ec", script).CombinedOutput(); err != nil {
		t.Fatalf("make outside: %v: %s", err, out)
	}
	answer := exec.Command("ip", "netns", "exec", name, "busybox", "httpd", "-f", "-p", "80", "-h", dir)
	if err := answer.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = answer.Process.Kill()
		_ = answer.Wait()
		if out, err := exec.Command("ip", "netns", "del", name).CombinedOutput(); err != nil {
			t.Errorf("%v: %s", err, out)
		}
	})
	return address
}

func removeLink(t *testing.T, name string) {
	t.Helper()
	link, err := netlink.LinkByName(name)
	if err != nil {
		t.Fatal(err)
	}
	if err := netlink.LinkDel(link); err != nil {
		t.Fatal(err)
	}
}
