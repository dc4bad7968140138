package server

import (
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"
	"golang.org/x/sys/unix"

	"github.com/seaworthyhq/seaworthy/internal/edge"
)

func addrOf(l net.Listener) netip.Addr { return l.Addr().(*net.TCPAddr).AddrPort().Addr() }

// command runs a command of the machine's.
func command(t *testing.T, line string) string {
	t.Helper()
	out, err := exec.Command("sh", "-c", line).CombinedOutput()
	if err != nil {
		t.Fatalf("%s: %v\n%s", line, err, out)
	}
	return strings.TrimSpace(string(out))
}

// TestReplicasSeeTheirOwnGeneration has two clients in network namespaces at a bridge, of two views: the same name, the
// same address, another pool.
func TestReplicasSeeTheirOwnGeneration(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("needs root for network namespaces")
	}
	n := newBridge(t)
	l := launch(t, "1")
	c, _ := ensure(t, l)
	target := freePort(t)
	one, _ := replica(t, 1, target)
	two, _ := replica(t, 2, target)
	vip := netip.MustParseAddr("10.219.95.7")
	view := func(id, client, pool string) edge.View {
		return edge.View{
			ID: id, Clients: []netip.Addr{netip.MustParseAddr(client)},
			Services: []edge.Target{{Names: []string{"api", "API.internal"}, VIP: vip, Pool: pool}},
		}
	}
	routes := edge.Routes{
		Pools: []edge.Pool{{ID: "one", Upstreams: []edge.Upstream{one}}, {ID: "two", Upstreams: []edge.Upstream{two}}},
		Networks: []edge.Network{{
			ID: "net", Gateway: netip.MustParseAddr(n.gateway), RedirectPort: n.redirect,
			VIPs: netip.MustParsePrefix(n.vips),
		}},
		Views: []edge.View{view("first", n.clients[0], "one"), view("second", n.clients[1], "two")},
	}
	apply(t, c, routes)
	fetch := func(client int) string {
		return command(t, fmt.Sprintf("ip netns exec %s timeout 10 busybox wget -q -O - http://%s:%d/", n.spaces[client], vip, target))
	}
	for client, want := range []string{one.ID, two.ID} {
		if got := fetch(client); got != want {
			t.Errorf("client %d: answer %q, want %q", client, got, want)
		}
		out := command(t, fmt.Sprintf("ip netns exec %s timeout 10 busybox nslookup -type=a Api %s", n.spaces[client], n.gateway))
		if !strings.Contains(out, vip.String()) {
			t.Errorf("client %d: DNS says %s", client, out)
		}
	}
	// The swap of views moves everybody at once.
	routes.Views[0].Services[0].Pool, routes.Views[1].Services[0].Pool = "two", "one"
	apply(t, c, routes)
	if got := fetch(0); got != two.ID {
		t.Errorf("after the swap: answer %q, want %q", got, two.ID)
	}
	l.Version = "2"
	ensure(t, l)
	if got := fetch(1); got != one.ID {
		t.Errorf("after the handover: answer %q, want %q", got, one.ID)
	}
}

type bridge struct {
	gateway, vips string
	redirect      uint16
	spaces        []string
	clients       []string
}

// newBridge makes what the network code makes: a bridge, clients at it, and redirected virtual addresses.
func newBridge(t *testing.T) bridge {
	t.Helper()
	id := fmt.Sprintf("swe%d", os.Getpid()%100000)
	b := bridge{gateway: "10.219.83.1", vips: "10.219.95.0/24", redirect: 15001}
	undo := func(command string) { t.Cleanup(func() { exec.Command("sh", "-c", command).Run() }) }
	undo("ip link del " + id)
	command(t, fmt.Sprintf("ip link add %[1]s type bridge && ip addr add %[2]s/24 dev %[1]s && ip link set %[1]s up", id, b.gateway))
	command(t, fmt.Sprintf("ip route add local %s dev %s", b.vips, id))
	rule := fmt.Sprintf("PREROUTING -i %s -d %s -p tcp -j REDIRECT --to-ports %d", id, b.vips, b.redirect)
	undo("iptables -w -t nat -D " + rule)
	command(t, "iptables -w -t nat -A "+rule)
	for i := range 2 {
		space, addr := fmt.Sprintf("%s-%d", id, i), fmt.Sprintf("10.219.83.%d", i+2)
		undo("ip netns del " + space)
		command(t, fmt.Sprintf(`ip netns add %[1]s &&
			ip link add %[2]sv%[3]d type veth peer name eth0 netns %[1]s &&
			ip link set %[2]sv%[3]d master %[2]s up &&
			ip -n %[1]s addr add %[4]s/24 dev eth0 && ip -n %[1]s link set eth0 up && ip -n %[1]s link set lo up &&
			ip -n %[1]s route add default via %[5]s`, space, id, i, addr, b.gateway))
		b.spaces, b.clients = append(b.spaces, space), append(b.clients, addr)
	}
	return b
}

// TestNamesOverHandover asks by UDP and TCP, of the default view, while edges change.
func TestNamesOverHandover(t *testing.T) {
	l := launch(t, "1")
	c, _ := ensure(t, l)
	port := freePort(t)
	vip := netip.MustParseAddr("127.95.0.9")
	apply(t, c, edge.Routes{
		Pools: []edge.Pool{{ID: "one"}},
		Networks: []edge.Network{{
			ID: "net", Gateway: netip.MustParseAddr("127.0.6.1"), DNSPort: uint16(port),
			RedirectPort: uint16(freePort(t)), VIPs: netip.MustParsePrefix("127.95.0.0/24"), DefaultView: "v",
		}},
		Views: []edge.View{{ID: "v", Services: []edge.Target{{Names: []string{"db"}, VIP: vip, Pool: "one"}}}},
	})
	for i := range 20 {
		if i%5 == 4 {
			l.Version = fmt.Sprint(i)
			ensure(t, l)
		}
		for _, network := range []string{"udp", "tcp"} {
			q := new(dns.Msg).SetQuestion("db.", dns.TypeA)
			m, _, err := (&dns.Client{Net: network, Timeout: 5 * time.Second}).Exchange(q, fmt.Sprintf("127.0.6.1:%d", port))
			if err != nil || len(m.Answer) != 1 || m.Answer[0].(*dns.A).A.String() != vip.String() {
				t.Fatalf("query %d over %s: %v, %v", i, network, m, err)
			}
		}
	}
}

// A DNS server that is published at port 53 of all addresses is what the edge itself is at port 53 of each network.
func TestPublishedPortMayBeOneThatNetworksUse(t *testing.T) {
	l := launch(t, "1")
	c, first := ensure(t, l)
	port := freePort(t)
	u := edge.Upstream{ID: "dns", Addr: netip.MustParseAddr("127.0.5.9")}
	vip := netip.MustParseAddr("127.95.1.9")
	routes := edge.Routes{
		Pools: []edge.Pool{{ID: "one", Upstreams: []edge.Upstream{u}}},
		Networks: []edge.Network{{
			ID: "net", Gateway: netip.MustParseAddr("127.0.6.2"), DNSPort: uint16(port),
			RedirectPort: uint16(freePort(t)), VIPs: netip.MustParsePrefix("127.95.1.0/24"), DefaultView: "v",
		}},
		Views: []edge.View{{ID: "v", Services: []edge.Target{{Names: []string{"db"}, VIP: vip, Pool: "one", UDP: []int{port}}}}},
	}
	apply(t, c, routes) // a service is first seen by its neighbours
	for _, protocol := range []string{edge.TCP, edge.UDP} {
		routes.Listeners = append(routes.Listeners, edge.Listener{
			Addr: netip.AddrPortFrom(netip.IPv6Unspecified(), uint16(port)), Protocol: protocol, AppProtocol: "tcp", Pool: "one", Port: freePort(t),
		})
	}
	apply(t, c, routes)
	names := func(when string) {
		t.Helper()
		for _, network := range []string{"udp", "tcp"} {
			q := new(dns.Msg).SetQuestion("db.", dns.TypeA)
			m, _, err := (&dns.Client{Net: network, Timeout: 5 * time.Second}).Exchange(q, fmt.Sprintf("127.0.6.2:%d", port))
			if err != nil || len(m.Answer) != 1 {
				t.Errorf("%s: name over %s: %v, %v", when, network, m, err)
			}
		}
	}
	names("beside a published port")

	other, _ := ensure(t, launchIn(t, t.TempDir(), "1"))
	theirs := edge.Routes{Pools: routes.Pools, Listeners: routes.Listeners[1:]}
	if err := other.Apply(t.Context(), theirs); err == nil {
		t.Error("another edge has the same port")
	}

	unix.Kill(first.PID, unix.SIGKILL)
	edge.Watch(t.Context(), first.PID)
	if _, s := ensure(t, l); len(s.Missing) > 0 {
		t.Errorf("after a restart is missing: %q", s.Missing)
	}
	names("after a restart")
	l.Version = "2"
	if _, s := ensure(t, l); len(s.Missing) > 0 {
		t.Errorf("after a handover is missing: %q", s.Missing)
	}
	names("after a handover")
}
