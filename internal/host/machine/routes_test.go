package machine

import (
	"net/netip"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/seaworthyhq/seaworthy/internal/edge"
	"github.com/seaworthyhq/seaworthy/internal/release"
	"github.com/seaworthyhq/seaworthy/internal/rollout"
)

var shop = release.Environment{Project: "shop", Name: "local"}

// service is one in the default network.
func service(name, image string, change ...func(*release.Service)) release.Service {
	s := release.Service{
		Name: name, Image: release.Image{Digest: release.Digest(image)}, Replicas: 1,
		Networks: []release.Attachment{{Network: "default"}},
	}
	for _, c := range change {
		c(&s)
	}
	return s
}

func generationOf(number int, services ...release.Service) rollout.Generation {
	return rollout.Generation{Deployment: number, Config: release.Config{Services: services}}
}

// running is a replica of a service of that generation.
func running(g rollout.Generation, name, id, ip string) release.Replica {
	return release.Replica{
		ID: id, Service: name, Spec: g.Config.Spec(name), IP: ip, State: release.StateRunning, Health: release.HealthHealthy,
	}
}

func defaultNetwork() map[string]network {
	return map[string]network{"default": {
		Name: "default", Gateway: netip.MustParseAddr("10.83.0.1"), VIPs: netip.MustParsePrefix("10.95.0.0/24"), RedirectPort: 15001,
	}}
}

func pool(t *testing.T, r edge.Routes, id string) []string {
	t.Helper()
	for _, p := range r.Pools {
		if p.ID == id {
			var ids []string
			for _, u := range p.Upstreams {
				ids = append(ids, u.ID)
			}
			return ids
		}
	}
	t.Fatalf("no pool %s in %+v", id, r.Pools)
	return nil
}

// leadsTo is the pool to which a name leads who asks from that address.
func leadsTo(r edge.Routes, asker, name string) string {
	for _, v := range r.Views {
		for _, c := range v.Clients {
			if c == netip.MustParseAddr(asker) {
				for _, s := range v.Services {
					if s.Names[0] == name {
						return s.Pool
					}
				}
			}
		}
	}
	return ""
}

func TestWhatAGoingGenerationHasStoppedIsAnsweredForByWhatServes(t *testing.T) {
	old := generationOf(1, service("db", "db1"), service("mail", "mail1"), service("web", "web1"))
	now := generationOf(2, service("db", "db2"), service("web", "web2"))
	stopped := running(old, "db", "db-old", "10.83.0.3")
	stopped.State = release.StateExited
	at := func(serving, other rollout.Generation, replicas map[string][]string) edge.Routes {
		return routes([]scene{{
			Environment: shop, Networks: defaultNetwork(), Others: []rollout.Generation{other},
			Serving: &rollout.Serving{Generation: serving, Replicas: replicas},
			Replicas: []release.Replica{
				stopped, running(old, "web", "web-old", "10.83.0.4"),
				running(now, "db", "db-new", "10.83.0.5"), running(now, "web", "web-new", "10.83.0.6"),
			},
		}}, newVIPTable(edge.Routes{}), time.Time{})
	}
	after := at(now, old, map[string][]string{"db": {"db-new"}, "web": {"web-new"}})
	if got := leadsTo(after, "10.83.0.4", "db"); got != "shop/local/serving/db" {
		t.Errorf("after the swap the old web finds db at %q", got)
	}
	if got := leadsTo(after, "10.83.0.4", "mail"); got != "shop/local/1/mail" {
		t.Errorf("after the swap the old web finds what is no more at %q", got)
	}
	before := at(old, now, map[string][]string{"db": {"db-old"}, "web": {"web-old"}})
	if got := leadsTo(before, "10.83.0.6", "db"); got != "shop/local/2/db" {
		t.Errorf("before the swap the new web finds db at %q", got)
	}
}

func TestANameLeadsIntoTheGenerationOfWhoAsks(t *testing.T) {
	old := generationOf(1, service("api", "api1"), service("db", "db1"), service("web", "web1"))
	coming := generationOf(2, service("api", "api2"), service("db", "db1"), service("web", "web2"))
	s := scene{
		Environment: shop,
		Serving: &rollout.Serving{Generation: old, Replicas: map[string][]string{
			"api": {"api-old"}, "db": {"db"}, "web": {"web-old"},
		}},
		Others:   []rollout.Generation{coming},
		Networks: defaultNetwork(),
		Replicas: []release.Replica{
			running(old, "api", "api-old", "10.83.0.2"), running(old, "db", "db", "10.83.0.3"), running(old, "web", "web-old", "10.83.0.4"),
			running(coming, "api", "api-new", "10.83.0.5"), running(coming, "web", "web-new", "10.83.0.6"),
		},
	}
	r := routes([]scene{s}, newVIPTable(edge.Routes{}), time.Now())

	for asker, want := range map[string][]string{
		"10.83.0.4": {"api-old"}, // the old web
		"10.83.0.6": {"api-new"}, // the new web
		"10.83.0.3": {"api-old"}, // db, which both share, sees what serves
	} {
		if diff := cmp.Diff(want, pool(t, r, leadsTo(r, asker, "api"))); diff != "" {
			t.Errorf("api for %s (-want +got):\n%s", asker, diff)
		}
	}
	if diff := cmp.Diff([]string{"db"}, pool(t, r, leadsTo(r, "10.83.0.6", "db"))); diff != "" {
		t.Errorf("db, which did not change, for the new web (-want +got):\n%s", diff)
	}
}

func TestWhoIsUnwellGetsNoRequestsAndWhoStartsDoes(t *testing.T) {
	g := generationOf(1, service("web", "web1"))
	replica := func(id string, state release.State, health release.HealthState) release.Replica {
		r := running(g, "web", id, "10.83.0.2")
		r.State, r.Health = state, health
		return r
	}
	s := scene{
		Environment: shop, Networks: defaultNetwork(),
		Serving: &rollout.Serving{Generation: g, Replicas: map[string][]string{"web": {"exited", "healthy", "ill", "starting"}}},
		Replicas: []release.Replica{
			replica("exited", release.StateExited, release.HealthUnchecked),
			replica("healthy", release.StateRunning, release.HealthHealthy),
			replica("ill", release.StateRunning, release.HealthUnhealthy),
			replica("starting", release.StateRunning, release.HealthStarting),
			replica("not-yet-serving", release.StateRunning, release.HealthHealthy),
		},
	}
	r := routes([]scene{s}, newVIPTable(edge.Routes{}), time.Now())
	if diff := cmp.Diff([]string{"healthy", "starting"}, pool(t, r, "shop/local/serving/web")); diff != "" {
		t.Errorf("who gets requests (-want +got):\n%s", diff)
	}
}

func TestWhereNoneIsWellThoseThatRunAreAsked(t *testing.T) {
	g := generationOf(1, service("web", "web1"))
	ill, exited := running(g, "web", "ill", "10.83.0.2"), running(g, "web", "exited", "10.83.0.3")
	ill.Health, exited.State = release.HealthUnhealthy, release.StateExited
	s := scene{
		Environment: shop, Networks: defaultNetwork(), Replicas: []release.Replica{exited, ill},
		Serving: &rollout.Serving{Generation: g, Replicas: map[string][]string{"web": {"exited", "ill"}}},
	}
	r := routes([]scene{s}, newVIPTable(edge.Routes{}), time.Now())
	if diff := cmp.Diff([]string{"ill"}, pool(t, r, "shop/local/serving/web")); diff != "" {
		t.Errorf("who gets requests (-want +got):\n%s", diff)
	}
}

func TestAHoldEndsByItself(t *testing.T) {
	g := generationOf(1, service("web", "web1"))
	now := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	s := scene{Environment: shop, Networks: defaultNetwork(), Serving: &rollout.Serving{
		Generation: g, Held: []rollout.Hold{{Service: "web", Limit: release.Duration(time.Minute)}},
	}}
	r := routes([]scene{s}, newVIPTable(edge.Routes{}), now)
	want := []edge.Pool{{ID: "shop/local/serving/web", Hold: &edge.Hold{Limit: time.Minute, Expires: now.Add(time.Minute)}}}
	if diff := cmp.Diff(want, r.Pools, cmpopts.EquateEmpty()); diff != "" {
		t.Errorf("pools (-want +got):\n%s", diff)
	}
}

func TestAnAddressOnceGivenStays(t *testing.T) {
	address := func(r edge.Routes, name string) netip.Addr {
		for _, v := range r.Views {
			for _, s := range v.Services {
				if s.Names[0] == name {
					return s.VIP
				}
			}
		}
		return netip.Addr{}
	}
	serve := func(vips *vipTable, services ...release.Service) edge.Routes {
		g := generationOf(1, services...)
		return routes([]scene{{Environment: shop, Networks: defaultNetwork(), Serving: &rollout.Serving{Generation: g}}}, vips, time.Now())
	}
	first := serve(newVIPTable(edge.Routes{}), service("web", "web1"))
	// The next engine reads it back from the edge, and a service that comes before it in the file gets another one.
	second := serve(newVIPTable(first), service("api", "api1"), service("web", "web1"))
	if was, is := address(first, "web"), address(second, "web"); was != is || !was.IsValid() {
		t.Errorf("the address of web was %s and is %s", was, is)
	}
	if api := address(second, "api"); api == address(second, "web") || !api.IsValid() {
		t.Errorf("api has the address %s", api)
	}
}

func TestServicesSeeOnlyThoseThatShareANetwork(t *testing.T) {
	in := func(networks ...string) func(*release.Service) {
		return func(s *release.Service) {
			s.Networks = nil
			for _, n := range networks {
				s.Networks = append(s.Networks, release.Attachment{Network: n, Aliases: []string{s.Name + "." + n}})
			}
		}
	}
	g := generationOf(1, service("db", "db1", in("back")), service("api", "api1", in("back", "front")), service("web", "web1", in("front")))
	networks := map[string]network{
		"back":  {Name: "back", Gateway: netip.MustParseAddr("10.83.0.1"), VIPs: netip.MustParsePrefix("10.95.0.0/24")},
		"front": {Name: "front", Gateway: netip.MustParseAddr("10.83.1.1"), VIPs: netip.MustParsePrefix("10.95.1.0/24")},
	}
	s := scene{
		Environment: shop, Networks: networks,
		Serving:  &rollout.Serving{Generation: g, Replicas: map[string][]string{"web": {"web"}, "db": {"db"}, "api": {"api"}}},
		Replicas: []release.Replica{running(g, "web", "web", "10.83.1.2"), running(g, "db", "db", "10.83.0.2"), running(g, "api", "api", "10.83.0.3")},
	}
	r := routes([]scene{s}, newVIPTable(edge.Routes{}), time.Now())
	if got := leadsTo(r, "10.83.1.2", "db"); got != "" {
		t.Errorf("web finds db, with which it shares no network: %s", got)
	}
	if got := leadsTo(r, "10.83.1.2", "api"); got != "shop/local/serving/api" {
		t.Errorf("web finds api at %q", got)
	}
	for _, v := range r.Views {
		for _, service := range v.Services {
			if v.ID == "shop/local/serving/web" && service.Names[0] == "api" {
				if diff := cmp.Diff([]string{"api", "api.front"}, service.Names); diff != "" {
					t.Errorf("names of api in the network of web (-want +got):\n%s", diff)
				}
			}
		}
	}
}
