package rollout

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/seaworthyhq/seaworthy/internal/event"
	"github.com/seaworthyhq/seaworthy/internal/release"
)

func TestADigestTellsPlansApartThatReadAlike(t *testing.T) {
	plan := func(mark release.Digest, level string) Plan {
		return PlanDeploy(Observed{}, Desired{Environment: env, Generation: Generation{Deployment: 1, Release: "r-00000001", Config: release.Config{
			Services: []release.Service{{
				Name: "web", Replicas: 2, Environment: map[string]string{"LEVEL": level, "OTHER": "x"}, Secrets: []release.Secret{{Name: "token", Mark: mark}},
			}},
		}}})
	}
	one := plan("sha256:aa", "info")
	if one.Digest() != plan("sha256:aa", "info").Digest() {
		t.Error("equal plans have different digests")
	}
	for name, other := range map[string]Plan{"another secret": plan("sha256:bb", "info"), "another variable": plan("sha256:aa", "debug")} {
		if one.String() != other.String() {
			t.Fatalf("%s: the plans do not read alike", name)
		}
		if one.Digest() == other.Digest() {
			t.Errorf("%s: the digests are equal", name)
		}
	}
}

func TestAPlanSaysWhatHappensToEachServiceAndWhoCanReachIt(t *testing.T) {
	port := func(ip string) []release.Port {
		return []release.Port{{HostIP: ip, Published: 80, Target: 8080, Protocol: "tcp"}}
	}
	was := Generation{Deployment: 1, Release: "r-00000001", Config: release.Config{Services: []release.Service{
		{Name: "changed", Replicas: 1, User: "a"}, {Name: "gone", Replicas: 1}, {Name: "kept", Replicas: 1},
	}}}
	is := Generation{Deployment: 2, Release: "r-00000002", Config: release.Config{Services: []release.Service{
		{Name: "changed", Replicas: 1, User: "b", Ports: port("127.0.0.1")}, {Name: "fresh", Replicas: 1, Ports: port("")}, {Name: "kept", Replicas: 1, Ports: port("::1")},
	}}}
	serving := &Serving{Generation: was, Replicas: map[string][]string{}}
	var replicas []release.Replica
	for _, s := range was.Config.Services {
		r := release.Replica{ID: s.Name + "-1", Service: s.Name, Index: 1, Spec: was.Config.Spec(s.Name), Deployment: 1, State: release.StateRunning, Health: release.HealthHealthy}
		replicas = append(replicas, r)
		serving.Replicas[s.Name] = []string{r.ID}
	}
	plan := PlanDeploy(Observed{Replicas: replicas, Serving: serving}, Desired{Environment: env, Generation: is}).Event().Plan
	kinds, world := map[string]event.ChangeKind{}, map[string]bool{}
	for _, c := range plan.Changes {
		kinds[c.Service] = c.Kind
		for _, p := range c.Ports {
			world[c.Service] = p.World
		}
	}
	// What is reached another way changes too, though none of its replicas is touched.
	if diff := cmp.Diff(map[string]event.ChangeKind{"changed": event.Changed, "fresh": event.Added, "gone": event.Removed, "kept": event.Changed}, kinds); diff != "" {
		t.Errorf("kinds (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(map[string]bool{"changed": false, "fresh": true, "kept": false}, world); diff != "" {
		t.Errorf("who the world can reach (-want +got):\n%s", diff)
	}
}
