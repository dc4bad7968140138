package e2e

import (
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/seaworthyhq/seaworthy/internal/event"
)

func TestReplicasThatEndAreRestartedAsTheirPolicySays(t *testing.T) {
	t.Parallel()
	s := newAppSite(t, `services:
  web:
    build: .
    ports: ["127.0.0.1:{{port}}:8080"]
    environment: {VERSION: web}
    stop_grace_period: 1s
    deploy: {replicas: 2}
  never:
    build: .
    expose: ["8080"]
    restart: "no"
    stop_grace_period: 1s
  twice:
    build: .
    expose: ["8080"]
    environment: {EXIT_AFTER: 300ms}
    restart: "on-failure:2"
    stop_grace_period: 1s
  flaky:
    build: .
    expose: ["8080"]
    environment: {FAIL_FIRST: /tmp/failed}
    restart: on-failure
    stop_grace_period: 1s
`)
	s.up(0)
	if got := s.replicas("flaky")[0]; got.Restarts != 1 || got.State != "running" {
		t.Errorf("a candidate that may restart was not given its restart: %+v", got)
	}
	s.eventually("twice was restarted twice, and then left", func() bool {
		r := s.replicas("twice")[0]
		return r.Restarts == 2 && r.State == "exited" && r.ExitCode == 3
	})

	_ = s.try("exec", "never", "--", "wget", "-q", "-O", "-", "http://localhost:8080/die") // it goes down with the replica
	s.eventually("never has ended", func() bool { return s.replicas("never")[0].State == "exited" })

	before := s.replicas("web")
	if resp, err := http.Post(s.url()+"die", "text/plain", nil); err == nil { // POST: nobody asks the other one instead
		resp.Body.Close()
	}
	load := s.load("version") // the other one answers at once
	s.eventually("the one that ended runs again", func() bool {
		after := s.replicas("web")
		restarts := after[0].Restarts + after[1].Restarts - before[0].Restarts - before[1].Restarts
		return restarts == 1 && after[0].State == "running" && after[1].State == "running"
	})
	s.noneFailed(load)
	if got := s.replicas("never")[0]; got.State != "exited" || got.Restarts != 0 || got.ExitCode != 4 {
		t.Errorf("restart: no was restarted: %+v", got)
	}
	s.untouched("web", func() { s.up(0) })
	if got := s.replicas("never")[0]; got.State != "running" {
		t.Errorf("up does not bring back what has ended: %+v", got)
	}
}

func TestAVersionThatKeepsEndingIsReplacedByOneThatDoesNot(t *testing.T) {
	t.Parallel()
	s := newAppSite(t, pairOfReplicas)
	s.setEnvironment(`VERSION: "1"`, `VERSION: "1", EXIT_AFTER: 700ms`)
	s.up(0)
	s.eventually("it has ended again and again", func() bool {
		r := s.replicas("web")
		return len(r) == 2 && r[0].Restarts > 1 && r[1].Restarts > 1
	})
	s.setEnvironment(`VERSION: "1", EXIT_AFTER: 700ms`, `VERSION: "2"`)
	s.up(0)
	s.serves("2")
	load := s.load("version")
	if got := s.replicas("web"); len(got) != 2 || got[0].Restarts+got[1].Restarts != 0 {
		t.Errorf("what serves: %+v", got)
	}
	s.noneFailed(load)
}

func TestAReplicaThatFallsIllIsLeftOutUntilItIsWell(t *testing.T) {
	t.Parallel()
	s := newAppSite(t, strings.Replace(pairOfReplicas, "interval: 300ms, retries: 2", "interval: 200ms, retries: 1", 1))
	s.up(0)
	load := s.load("version")
	s.post(s.url() + "sicken")
	well := func() int { // of the replicas
		n := 0
		for _, r := range s.replicas("web") {
			if r.Health == "healthy" {
				n++
			}
		}
		return n
	}
	s.eventually("one is ill", func() bool { return well() == 1 })
	s.eventually("only the other one answers", func() bool {
		answers := map[string]bool{}
		for range 20 {
			answers[s.get("host")] = true
		}
		return len(answers) == 1
	})
	if got := s.status().Services[0]; got.Healthy != 1 || got.Desired != 2 {
		t.Errorf("status says %d of %d are well", got.Healthy, got.Desired)
	}
	for _, r := range s.replicas("web") { // when both are ill, both are asked: better than nobody
		s.post("http://" + r.IP + ":8080/sicken")
	}
	s.eventually("both are ill", func() bool { return well() == 0 })
	for _, r := range s.replicas("web") {
		s.post("http://" + r.IP + ":8080/heal")
	}
	answers := map[string]bool{}
	s.eventually("both answer again", func() bool {
		answers[s.get("host")] = true
		return len(answers) == 2
	})
	s.noneFailed(load)
}

// post tells an app something; nobody tells it to another one instead.
func (s *site) post(url string) {
	s.t.Helper()
	resp, err := http.Post(url, "text/plain", nil)
	if err != nil {
		s.t.Fatal(err)
	}
	resp.Body.Close()
}

func TestRestartMakesNewProcessesWithoutAnInterruption(t *testing.T) {
	t.Parallel()
	s := newAppSite(t, strings.Replace(pairOfReplicas, "deploy: {replicas: 2, update_config: {}}", "deploy: {replicas: 2}", 1)+`  alone:
    build: .
    expose: ["8080"]
    environment: {VERSION: alone, STARTUP: 300ms}
    stop_grace_period: 1s
`)
	s.up(0)
	load, held := s.load("version"), s.load(query("get", "url", "http://alone:8080/version"))
	started := func(service string) []string {
		var all []string
		for _, r := range s.replicas(service) {
			all = append(all, r.Started)
		}
		return all
	}
	web, alone := started("web"), started("alone")
	s.untouched("alone", func() { s.run(0, "restart", "web") })
	s.run(0, "restart", "alone")
	s.noneFailed(load)
	s.noneFailed(held)
	for i, now := range started("web") {
		if now == web[i] {
			t.Errorf("web %d was not restarted", i+1)
		}
	}
	if now := started("alone"); now[0] == alone[0] {
		t.Error("alone was not restarted")
	}
}

func TestARestartThatFailsLeavesTheTrafficToTheOthers(t *testing.T) {
	t.Parallel()
	s := newAppSite(t, strings.Replace(pairOfReplicas, "    stop_grace_period: 1s\n", "    stop_grace_period: 1s\n    volumes: [\"data:/data\"]\n", 1)+"volumes: {data: }\n")
	s.setEnvironment(`VERSION: "1"`, `VERSION: "1", FAIL_IF: /data/bad`)
	s.up(0)
	s.inside("web", "touch /data/bad")
	load := s.load("version")
	s.refused(6, []string{"restart", "web"}, "web 1", "exited with code 1")
	if got := s.status().Services[0]; got.Healthy != 1 || got.Desired != 2 {
		t.Errorf("%d of %d replicas are well", got.Healthy, got.Desired)
	}
	s.inside("web", "rm /data/bad")
	s.eventually("the one that failed is well again by itself", func() bool { return s.status().Services[0].Healthy == 2 })
	s.noneFailed(load)
}

func TestARestartThatFailsOfTheOnlyReplicaHoldsNobody(t *testing.T) {
	t.Parallel()
	s := newAppSite(t, strings.Replace(volumeWriter, "interval: 1s, retries: 2, timeout: 10s", "interval: 200ms, retries: 2", 1))
	s.setEnvironment(`VERSION: "1"`, `VERSION: "1", FAIL_IF: /data/bad`)
	s.up(0)
	s.inside("web", "touch /data/bad")
	s.refused(6, []string{"restart"}, "web 1", "exited with code 1")
	if got := s.fetch("version"); !strings.HasPrefix(got, "503") {
		t.Errorf("it answers %q", got)
	}
	volume := filepath.Join(s.root, "volumes/shop/local/data")
	found, err := filepath.Glob(volume + "/*/bad")
	if err != nil || len(found) != 1 {
		t.Fatalf("%v, %v", found, err)
	}
	if err := os.Remove(found[0]); err != nil {
		t.Fatal(err)
	}
	s.eventually("it is back by itself", func() bool { return s.fetch("version") == "1" })
}

func TestARestartMakesWayForARollbackAndForADown(t *testing.T) {
	t.Parallel()
	s := newAppSite(t, strings.Replace(patientPair, "stop_grace_period: 1s", "stop_signal: SIGWINCH\n    stop_grace_period: 1s", 1)) // it does not stop at once
	s.up(0)
	s.setEnvironment(`VERSION: "1"`, `VERSION: "2"`)
	s.up(0)
	load := s.load("version")
	for _, c := range []struct {
		verb, serves string
	}{{"rollback", "1"}, {"down", ""}} {
		restart := s.start("restart")
		restart.until("it stops a replica", reaches("rollout:stop", event.Started))
		s.refused(0, []string{c.verb}, "ending restart by")
		if r := restart.ends(6); !strings.Contains(r.out, "was cut short for "+c.verb) {
			t.Errorf("it does not say why it ended:\n%s%s", r.out, r.err)
		}
		if c.serves != "" {
			s.serves(c.serves)
			s.whole(2)
			s.noneFailed(load)
		}
	}
	if left := s.engine().Replicas; left != 0 {
		t.Errorf("%d replicas are left", left)
	}
}
