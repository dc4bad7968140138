package network

import (
	"net/netip"
	"os/exec"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/seaworthyhq/seaworthy/internal/release"
)

func TestRulesOfNetworks(t *testing.T) {
	f := &firewall{tag: "ab12", subnets: DefaultSubnets, vips: DefaultVIPs}
	out := Network{
		Bridge: "sw-ab12aaaaaaa", Subnet: netip.MustParsePrefix("10.83.0.0/24"), Gateway: netip.MustParseAddr("10.83.0.1"),
		VIPs: netip.MustParsePrefix("10.95.0.0/24"), RedirectPort: 15001,
	}
	in := Network{
		Bridge: "sw-ab12bbbbbbb", Subnet: netip.MustParsePrefix("10.83.1.0/24"), Gateway: netip.MustParseAddr("10.83.1.1"),
		VIPs: netip.MustParsePrefix("10.95.1.0/24"), RedirectPort: 15001, Internal: true,
	}
	want := `*filter
:SEAWORTHY-FWD-ab12 - [0:0]
:SEAWORTHY-IN-ab12 - [0:0]
-A SEAWORTHY-FWD-ab12 -i sw-ab12aaaaaaa -o sw-ab12aaaaaaa -j ACCEPT
-A SEAWORTHY-FWD-ab12 -i sw-ab12aaaaaaa -o sw-+ -j DROP
-A SEAWORTHY-FWD-ab12 -i sw-ab12aaaaaaa -j ACCEPT
-A SEAWORTHY-FWD-ab12 -o sw-ab12aaaaaaa -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
-A SEAWORTHY-FWD-ab12 -o sw-ab12aaaaaaa -j DROP
-A SEAWORTHY-IN-ab12 -i sw-ab12aaaaaaa -d 10.83.0.1 -p udp --dport 53 -j ACCEPT
-A SEAWORTHY-IN-ab12 -i sw-ab12aaaaaaa -d 10.83.0.1 -p tcp --dport 53 -j ACCEPT
-A SEAWORTHY-IN-ab12 -i sw-ab12aaaaaaa -d 10.83.0.1 -p tcp --dport 15001 -j ACCEPT
-A SEAWORTHY-IN-ab12 -i sw-ab12aaaaaaa -d 10.83.0.1 -j RETURN
-A SEAWORTHY-IN-ab12 -i sw-ab12aaaaaaa -d 10.95.0.0/24 -j RETURN
-A SEAWORTHY-IN-ab12 -i sw-ab12aaaaaaa -d 10.83.0.0/16 -j DROP
-A SEAWORTHY-IN-ab12 -i sw-ab12aaaaaaa -d 10.95.0.0/16 -j DROP
-A SEAWORTHY-FWD-ab12 -i sw-ab12bbbbbbb -o sw-ab12bbbbbbb -j ACCEPT
-A SEAWORTHY-FWD-ab12 -i sw-ab12bbbbbbb -o sw-+ -j DROP
-A SEAWORTHY-FWD-ab12 -i sw-ab12bbbbbbb -j DROP
-A SEAWORTHY-FWD-ab12 -o sw-ab12bbbbbbb -j DROP
-A SEAWORTHY-IN-ab12 -i sw-ab12bbbbbbb -d 10.83.1.1 -p udp --dport 53 -j ACCEPT
-A SEAWORTHY-IN-ab12 -i sw-ab12bbbbbbb -d 10.83.1.1 -p tcp --dport 53 -j ACCEPT
-A SEAWORTHY-IN-ab12 -i sw-ab12bbbbbbb -d 10.83.1.1 -p tcp --dport 15001 -j ACCEPT
-A SEAWORTHY-IN-ab12 -i sw-ab12bbbbbbb -d 10.83.1.1 -j RETURN
-A SEAWORTHY-IN-ab12 -i sw-ab12bbbbbbb -d 10.95.1.0/24 -j RETURN
-A SEAWORTHY-IN-ab12 -i sw-ab12bbbbbbb -d 10.83.0.0/16 -j DROP
-A SEAWORTHY-IN-ab12 -i sw-ab12bbbbbbb -d 10.95.0.0/16 -j DROP
COMMIT
*nat
:SEAWORTHY-PRE-ab12 - [0:0]
:SEAWORTHY-POST-ab12 - [0:0]
-A SEAWORTHY-PRE-ab12 -i sw-ab12aaaaaaa -d 10.95.0.0/24 -p tcp -j REDIRECT --to-ports 15001
-A SEAWORTHY-POST-ab12 -s 10.83.0.0/24 ! -o sw-ab12aaaaaaa -j MASQUERADE
-A SEAWORTHY-PRE-ab12 -i sw-ab12bbbbbbb -d 10.95.1.0/24 -p tcp -j REDIRECT --to-ports 15001
COMMIT
`
	if diff := cmp.Diff(want, f.rules([]Network{out, in})); diff != "" {
		t.Error(diff)
	}
	cmd := exec.Command("iptables-restore", "--test", "--noflush")
	cmd.Stdin = strings.NewReader(want)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("iptables does not take it: %v: %s", err, out)
	}
}

func TestFirstFreeAvoidsWhatIsTaken(t *testing.T) {
	pool := netip.MustParsePrefix("10.83.0.0/16")
	taken := []netip.Prefix{netip.MustParsePrefix("10.83.0.0/23"), netip.MustParsePrefix("10.83.2.5/32")}
	got, err := firstFree(pool, taken)
	if want := netip.MustParsePrefix("10.83.3.0/24"); err != nil || got != want {
		t.Errorf("got %s, %v, want %s", got, err, want)
	}
	if _, err := firstFree(pool, []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}); err == nil {
		t.Error("a pool that is routed elsewhere was used")
	}
}

func TestAddressesRestBeforeTheyAreUsedAgain(t *testing.T) {
	m := &Manager{owners: map[netip.Addr]string{}, next: map[string]netip.Addr{}}
	n := Network{Bridge: "b", Subnet: netip.MustParsePrefix("10.83.0.0/29"), Gateway: netip.MustParseAddr("10.83.0.1")}
	reserve := func(owner string) string {
		ip, err := m.Reserve(n, owner)
		if err != nil {
			return "none"
		}
		return ip.String()
	}
	var got []string
	got = append(got, reserve("a"), reserve("b"))
	m.Release("a")
	got = append(got, reserve("c"), reserve("d"), reserve("e"), reserve("f"), reserve("g"))
	m.Release("d")
	got = append(got, reserve("h"))
	want := []string{"10.83.0.2", "10.83.0.3", "10.83.0.4", "10.83.0.5", "10.83.0.6", "10.83.0.2", "none", "10.83.0.5"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestBridgeNamesFitTheKernel(t *testing.T) {
	m := &Manager{cfg: Config{Tag: "ab12"}}
	name := m.bridgeName(release.Environment{Project: strings.Repeat("p", 80), Name: "production"}, "default")
	if len(name) > 15 {
		t.Errorf("%s has %d characters", name, len(name))
	}
	if other := m.bridgeName(release.Environment{Project: strings.Repeat("p", 80), Name: "staging"}, "default"); other == name {
		t.Error("two networks have one name")
	}
}
