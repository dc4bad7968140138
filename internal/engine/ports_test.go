package engine

import (
	"net"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/seaworthyhq/seaworthy/internal/release"
	"github.com/seaworthyhq/seaworthy/internal/rollout"
	"github.com/seaworthyhq/seaworthy/internal/state"
)

// publishing is a configuration whose service web publishes the port.
func publishing(p release.Port) release.Config {
	return release.Config{Services: []release.Service{{Name: "web", Ports: []release.Port{p}}}}
}

func TestPortsOverlapWhereTheHostCanHaveOnlyOne(t *testing.T) {
	for _, c := range []struct {
		a, b string
		want bool
	}{
		{"", "", true},
		{"", "127.0.0.1", true},
		{"", "::1", true},
		{"::", "127.0.0.1", true},
		{"0.0.0.0", "127.0.0.1", true},
		{"0.0.0.0", "::", true},
		{"0.0.0.0", "::1", false},
		{"127.0.0.1", "127.0.0.2", false},
		{"127.0.0.1", "::ffff:127.0.0.1", true},
		{"fe80::1%eth0", "fe80::1%eth1", false},
	} {
		a, b := release.Port{HostIP: c.a, Published: 80, Protocol: "tcp"}, release.Port{HostIP: c.b, Published: 80, Protocol: "tcp"}
		if overlap(a, b) != c.want || overlap(b, a) != c.want {
			t.Errorf("%q and %q overlap: %v, want %v", c.a, c.b, !c.want, c.want)
		}
		b.Protocol = "udp"
		if overlap(a, b) {
			t.Errorf("%+v and %+v overlap", a, b)
		}
	}
}

// Both deployments have been checked when the first of them is recorded.
func TestOfTwoThatWantAPortTheFirstOnRecordHasIt(t *testing.T) {
	db, err := state.Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	e := &Engine{db: db}
	want := publishing(release.Port{Published: 80, Protocol: "tcp"})
	deploy := func(name string, config release.Config) error {
		env := release.Environment{Project: "shop", Name: name}
		u, err := e.start(state.Environment{Environment: env}, state.Pending{
			Deployment: release.Deployment{Environment: env, Number: 1, Result: release.Running},
			Desired:    rollout.Desired{Environment: env, Generation: rollout.Generation{Deployment: 1, Config: config}},
		})
		if err == nil {
			e.rollouts.end(u)
		}
		return err
	}
	if err := deploy("staging", want); err != nil {
		t.Fatal(err)
	}
	err = deploy("local", want)
	if release.KindOf(err) != release.KindConflict || !strings.Contains(err.Error(), "port 80, which web publishes, is taken by shop/staging") {
		t.Errorf("the second one: %v", err)
	}
	if err := deploy("local", publishing(release.Port{Published: 81, Protocol: "tcp"})); err != nil {
		t.Errorf("at another port: %v", err)
	}
}

// What would serve again if a deployment fails keeps its port until it has ended.
func TestWhatIsComeBackToKeepsItsPort(t *testing.T) {
	before := rollout.Generation{Config: publishing(release.Port{Published: 80, Protocol: "tcp"})}
	after := rollout.Generation{Config: publishing(release.Port{Published: 81, Protocol: "tcp"})}
	s := state.Environment{
		Serving: &rollout.Serving{Generation: after},
		Pending: &state.Pending{Desired: rollout.Desired{Generation: after, Before: &before}},
	}
	got := map[int]bool{}
	for _, p := range claims(s) {
		got[p.Published] = true
	}
	if !got[80] || !got[81] {
		t.Errorf("claimed: %v", got)
	}
}

func TestAnAddressThatIsNotOursIsNotCalledTaken(t *testing.T) {
	wanted := publishedPort{release.Port{HostIP: "192.0.2.1", Published: 8080, Protocol: "tcp"}, "web"}
	err := tryPort(t.Context(), wanted)
	if release.KindOf(err) != release.KindConflict || strings.Contains(err.Error(), "taken") {
		t.Errorf("error %v", err)
	}
}

func TestOfARangeTheFirstFreePortIsTakenAndKept(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	busy := l.Addr().(*net.TCPAddr).Port
	among := release.Port{HostIP: "127.0.0.1", First: busy, Last: busy + 20, Target: 80, Protocol: "tcp"}
	both := func() release.Config {
		return release.Config{Services: []release.Service{{Name: "api", Ports: []release.Port{among}}, {Name: "web", Ports: []release.Port{among}}}}
	}
	env := state.Environment{}
	first, again := both(), both()
	for _, config := range []*release.Config{&first, &again} {
		if err := choosePorts(config, &env, false); err != nil {
			t.Fatal(err)
		}
	}
	api, web := first.Services[0].Ports[0].Published, first.Services[1].Ports[0].Published
	if api <= busy || api > among.Last || web <= api || web > among.Last {
		t.Errorf("of %d-%d, the first of which is taken, api has %d and web %d", among.First, among.Last, api, web)
	}
	if diff := cmp.Diff(first, again); diff != "" {
		t.Errorf("the ports were not kept (-first +again):\n%s", diff)
	}
	among.Last = busy
	if config := publishing(among); choosePorts(&config, &state.Environment{}, false) == nil {
		t.Error("a range without a free port gave one")
	}
	free := publishing(release.Port{HostIP: "127.0.0.1", Target: 80, Protocol: "tcp"})
	if err := choosePorts(&free, &state.Environment{}, false); err != nil || free.Services[0].Ports[0].Published == 0 {
		t.Errorf("without a range: %v, %+v", err, free)
	}
}
