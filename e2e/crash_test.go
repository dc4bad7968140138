package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/seaworthyhq/seaworthy/internal/event"
	"github.com/seaworthyhq/seaworthy/internal/release"
)

func TestCommandLineKilledBeforeTheRelease(t *testing.T) {
	t.Parallel()
	s := newSite(t, shop)
	s.up(0)
	c := s.buildUnderWay()
	c.signal(syscall.SIGKILL)
	c.wait()
	s.nothingCameOf()
}

func TestCommandLineKilledAfterTheRelease(t *testing.T) {
	t.Parallel()
	s := newSite(t, slow())
	c := s.start("up")
	c.until("the release is acknowledged", released)
	c.signal(syscall.SIGKILL)
	c.wait()
	s.eventually("the engine finishes", func() bool { return s.lastResult() == release.Succeeded })
	s.answers("one")
}

// lastResult is how the last deployment stands; empty where there is none.
func (s *site) lastResult() release.Result {
	s.t.Helper()
	if all := s.deployments(); len(all) > 0 {
		return all[0].Result
	}
	return ""
}

func TestEngineKilledDuringABuild(t *testing.T) {
	t.Parallel()
	s := newSite(t, shop)
	s.up(0)
	c := s.buildUnderWay()
	s.killEngine()
	r := c.ends(10)
	for _, w := range []string{"the engine went away", "run the same command again"} {
		if !strings.Contains(r.out+r.err, w) {
			t.Errorf("it does not say %q:\n%s", w, r.err)
		}
	}
	s.answers("one")
	s.deployments() // starts the next engine
	s.nothingCameOf()
}

// moments of an update at which an engine may be killed.
var moments = []struct {
	what  string
	found func(event.Event) bool
}{
	{"the release is acknowledged", released},
	{"the deployment begins", deploying},
	{"a replica starts", reaches("rollout:start", event.Started)},
	{"a replica has started", reaches("rollout:start", event.Done)},
	{"the rollout waits for a replica", reaches("rollout:await", event.Started)},
	{"a replica is well", reaches("rollout:await", event.Done)},
	{"traffic moves", reaches("rollout:move traffic", event.Started)},
	{"traffic has moved", reaches("rollout:move traffic", event.Done)},
	{"an old replica stops", reaches("rollout:stop", event.Started)},
	{"an old replica has stopped", reaches("rollout:stop", event.Done)},
	{"an old replica is removed", reaches("rollout:remove", event.Started)},
}

func TestEngineKilledDuringARolloutIsContinuedByTheNext(t *testing.T) {
	t.Parallel()
	s := newSite(t, shop)
	s.up(0)
	end := s.load("version")
	for i, moment := range moments {
		t.Log(moment.what)
		before, after := fmt.Sprintf("version-%d", i), fmt.Sprintf("version-%d", i+1)
		if i == 0 {
			before = "one"
		}
		s.edit("Dockerfile", "echo "+before, "echo "+after)
		c := s.start("up")
		c.until(moment.what, moment.found)
		s.killEngine()
		if r := c.wait(); r.code != 10 && r.code != 0 { // it may have ended just before
			t.Errorf("exit code %d\n%s%s", r.code, r.out, r.err)
		}
		if got := s.get("version"); got != before && got != after {
			t.Errorf("%q answers while no engine runs", got)
		}
		s.up(0)
		s.answers(after)
		s.whole(2)
	}
	s.noneFailed(end)
	for _, d := range s.deployments() {
		if d.Result != release.Succeeded && d.Result != release.Cancelled {
			t.Errorf("%s is %s: %s", d.Name(), d.Result, d.Error)
		}
	}
}

// whole checks that this many replicas serve, all of one release, and that nothing else of the environment runs.
func (s *site) whole(replicas int) {
	s.t.Helper()
	var all []struct {
		Release  release.ID
		Services []struct {
			Name     string
			Healthy  int
			Replicas []release.Replica
		}
	}
	s.readJSON(&all, "status")
	now := all[0]
	for _, service := range now.Services {
		if service.Healthy != replicas || len(service.Replicas) != replicas {
			s.t.Errorf("%s has %d replicas, %d healthy, not %d", service.Name, len(service.Replicas), service.Healthy, replicas)
		}
		for _, r := range service.Replicas {
			if r.Release != now.Release {
				s.t.Errorf("%s is of %s, and %s serves", r.ID, r.Release.Short(), now.Release.Short())
			}
		}
	}
	if shims := s.shims(); len(shims) != replicas*len(now.Services) {
		s.t.Errorf("%d shims run: %v", len(shims), shims)
	}
}

// shims are the processes beside the replicas, by replica.
func (s *site) shims() map[string]int {
	found := map[string]int{}
	for pid, line := range s.processes() {
		if !strings.Contains(line, "seaworthy-shim") {
			continue
		}
		if dir, err := os.Readlink(fmt.Sprintf("/proc/%d/cwd", pid)); err == nil {
			found[filepath.Base(dir)] = pid
		}
	}
	return found
}

// processOf is the first process of a replica.
func (s *site) processOf(id string) int {
	s.t.Helper()
	threads, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", s.shims()[id]))
	for _, path := range threads {
		children, _ := os.ReadFile(path) // a thread that has ended has none
		for child := range strings.FieldsSeq(string(children)) {
			exe, err := os.Readlink("/proc/" + child + "/exe")
			if err != nil || strings.HasPrefix(exe, s.root) { // the log writer
				continue
			}
			pid, err := strconv.Atoi(child)
			if err != nil {
				s.t.Fatal(err)
			}
			return pid
		}
	}
	s.t.Fatalf("replica %s has no process", id)
	return 0
}

// logWriterOf is the process that writes a replica's log.
func (s *site) logWriterOf(id string) int {
	s.t.Helper()
	for pid, line := range s.processes() {
		if strings.Contains(line, "seaworthy-log") && strings.Contains(line, id) {
			return pid
		}
	}
	s.t.Fatalf("replica %s has no log writer", id)
	return 0
}

// neverWell is a version that starts and does not get healthy.
func (s *site) neverWell() {
	s.t.Helper()
	s.edit("Dockerfile", "echo one", "echo two")
	s.edit("Dockerfile", "--interval=1s CMD wget -q -O /dev/null http://localhost:8080/version", "--interval=1s --retries=3 --timeout=1s CMD false")
}

func TestWhatTheNextEngineGoesOnWithMayFail(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		files    map[string]string
		killed   func(event.Event) bool
		replicas int
	}{
		"while the new ones are waited for": {shop, reaches("rollout:await", event.Started), 2},
		"while requests are held":           {writer(), reaches("rollout:stop", event.Done), 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newSite(t, tc.files)
			s.up(0)
			end := s.load("version")
			s.neverWell()
			c := s.start("up")
			c.until(name, tc.killed)
			s.killEngine()
			c.ends(10)
			s.eventually("the deployment ends", func() bool { return s.lastResult() != release.Running })
			s.lastEnded(release.RolledBack)
			s.answers("one")
			s.whole(tc.replicas)
			s.noneFailed(end)
		})
	}
}

func TestTheNextEngineComesBackToWhatServedBefore(t *testing.T) {
	t.Parallel()
	s := newSite(t, map[string]string{
		"Dockerfile": `FROM busybox
RUN mkdir /www && echo one > /www/version
EXPOSE 8080
HEALTHCHECK --interval=500ms --retries=1 CMD test ! -e /tmp/sick
CMD ["httpd", "-f", "-p", "8080", "-h", "/www"]
`,
		"compose.yaml": strings.Replace(shop["compose.yaml"], "{replicas: 2}", "{replicas: 1}", 1),
	})
	s.up(0)
	s.edit("compose.yaml", "{replicas: 1}", "{replicas: 1, update_config: {monitor: 30s}}")
	s.edit("Dockerfile", "echo one", "echo two")
	s.edit("Dockerfile", `["httpd", "-f", "-p", "8080", "-h", "/www"]`, `["sh", "-c", "(sleep 8; touch /tmp/sick) & exec httpd -f -p 8080 -h /www"]`)
	c := s.start("up")
	c.until("traffic has moved", reaches("rollout:move traffic", event.Done))
	s.killEngine()
	c.ends(10)
	s.answers("two")
	s.eventually("the deployment ends", func() bool { return s.lastResult() != release.Running })
	s.lastEnded(release.RolledBack)
	s.answers("one")
	s.whole(1)
}

func TestStoppingTheEngineDoesNotWaitForARollout(t *testing.T) {
	t.Parallel()
	s := newSite(t, slow())
	s.up(0)
	s.edit("Dockerfile", "echo one", "echo two")
	s.edit("Dockerfile", "sleep 1.5", "sleep 5")
	s.edit("Dockerfile", "--interval=1s", "--interval=5s")
	c := s.start("up")
	c.until("the rollout waits", reaches("rollout:await", event.Started))
	s.run(0, "engine", "stop")
	if r := c.ends(10); !strings.Contains(r.out, "the engine was stopped") || !strings.Contains(r.out, "run the same command again") {
		t.Errorf("the call does not say what happened:\n%s%s", r.out, r.err)
	}
	s.answers("one")
	if d := s.deployments()[0]; d.Result != release.Running { // the next engine goes on with it
		t.Fatalf("the intent is gone: %+v", d)
	}
	s.up(0)
	s.answers("two")
	s.lastEnded(release.Succeeded)
}

func TestARollbackThatTheNextEngineFinishesHolds(t *testing.T) {
	t.Parallel()
	s := newSite(t, slow())
	s.up(0)
	s.edit("Dockerfile", "echo one", "echo two")
	s.up(0)
	c := s.start("rollback")
	c.until("the rollout waits", reaches("rollout:await", event.Started))
	s.killEngine()
	c.ends(10)
	s.eventually("the rollback ends", func() bool { return s.lastResult() == release.Succeeded })
	s.answers("one")
	s.refused(7, []string{"up"}, "shop/local is held: rolled back to", "seaworthy resume")
	s.answers("one")
	s.run(0, "resume")
	s.up(0)
	s.answers("two")
}

func TestEngineKilledWhileAnEnvironmentIsTakenDown(t *testing.T) {
	t.Parallel()
	s := newSite(t, writer())
	s.up(0)
	c := s.start("down", "--volumes", "--yes")
	c.until("a replica stops", reaches("rollout:stop", event.Started))
	s.killEngine()
	c.ends(10)
	s.run(0, "down", "--volumes", "--yes")
	if left := s.shims(); len(left) > 0 {
		t.Errorf("replicas are left: %v", left)
	}
	if volumes := s.run(0, "volume", "list", "--json"); strings.Contains(volumes, "data") {
		t.Errorf("volumes are left: %s", volumes)
	}
	s.up(0)
	s.answers("one")
}

func TestEngineKilledDuringARestart(t *testing.T) {
	t.Parallel()
	s := newSite(t, shop)
	s.up(0)
	end := s.load("version")
	for _, moment := range []string{"rollout:withdraw", "rollout:stop", "rollout:start"} {
		t.Log(moment)
		c := s.start("restart")
		c.until(moment, reaches(moment, event.Done))
		s.killEngine()
		c.ends(10)
		s.answers("one")
		s.run(0, "restart")
		s.whole(2)
	}
	s.noneFailed(end)
}

// writer is a shop with one replica that writes to a volume, so that the old one has to stop before the new one starts.
func writer() map[string]string {
	return map[string]string{
		"Dockerfile": slow()["Dockerfile"],
		"compose.yaml": `services:
  shop:
    build: .
    ports: ["127.0.0.1:{{port}}:8080"]
    stop_grace_period: 1s
    volumes: ["data:/data"]
volumes: {data: {}}
`,
	}
}

func TestEngineKilledWhileRequestsAreHeld(t *testing.T) {
	t.Parallel()
	s := newSite(t, writer())
	s.up(0)
	end := s.load("version")
	s.edit("Dockerfile", "echo one", "echo two")
	c := s.start("up")
	c.until("the old replica has stopped", reaches("rollout:stop", event.Done))
	s.killEngine()
	c.ends(10)
	s.up(0)
	s.answers("two")
	s.whole(1)
	s.noneFailed(end)
	s.lastEnded(release.Succeeded)
}

func TestAHoldEndsByItselfWhereNoEngineIs(t *testing.T) {
	t.Parallel()
	s := newSite(t, writer())
	s.edit("Dockerfile", "--interval=1s", "--interval=1s --timeout=1s --retries=2")
	s.up(0)
	s.edit("Dockerfile", "echo one", "echo two")
	c := s.start("up")
	c.until("the old replica has stopped", reaches("rollout:stop", event.Done))
	s.killEngine()
	c.ends(10)
	s.eventually("a request is told that nobody answers", func() bool { // each waits as long as the hold lasts
		resp, err := http.Get(s.url() + "version")
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		return resp.StatusCode == http.StatusServiceUnavailable
	})
	s.up(0)
	s.answers("two")
	s.whole(1)
}

func TestEdgeKilled(t *testing.T) {
	t.Parallel()
	s := newSite(t, shop)
	s.up(0)
	before, routes := s.engine().Edge, s.routes()
	s.kill(before)
	s.eventually("somebody answers again", func() bool {
		resp, err := http.Get(s.url() + "version")
		if err != nil {
			return false
		}
		resp.Body.Close()
		return resp.StatusCode == http.StatusOK
	})
	s.answers("one")
	if after := s.engine().Edge; after == before || after == 0 {
		t.Errorf("edge is process %d after %d was killed", after, before)
	}
	if diff := cmp.Diff(routes, s.routes()); diff != "" {
		t.Errorf("other routes (-before +after):\n%s", diff)
	}
}

// routes are those that the edge follows.
func (s *site) routes() (all map[string]any) {
	s.t.Helper()
	client := http.Client{Transport: &http.Transport{DialContext: func(context.Context, string, string) (net.Conn, error) {
		return net.Dial("unix", filepath.Join(s.root, "edge", "edge.sock"))
	}}}
	defer client.CloseIdleConnections()
	resp, err := client.Get("http://edge/routes")
	if err != nil {
		s.t.Fatal(err)
	}
	defer resp.Body.Close()
	if err := json.NewDecoder(resp.Body).Decode(&all); err != nil {
		s.t.Fatal(err)
	}
	return all
}

func TestEdgeKilledWhileNoEngineRuns(t *testing.T) {
	t.Parallel()
	s := newSite(t, shop)
	s.up(0)
	info := s.engine()
	s.kill(info.PID)
	s.kill(info.Edge)
	s.up(0) // nothing to deploy: the next engine brings the edge back
	s.answers("one")
	s.whole(2)
}

// killedReplica kills something of one of two replicas under load: at most the request that it was answering fails, and it
// comes back.
func (s *site) killedReplica(victim func(id string) int) {
	s.t.Helper()
	end := s.load("version")
	id := s.replicas("shop")[0].ID
	s.kill(victim(id))
	s.eventually("the replica is restarted", func() bool {
		for _, r := range s.replicas("shop") {
			if r.ID == id {
				return r.Restarts > 0 && r.State == "running" && r.Health == "healthy"
			}
		}
		return false
	})
	s.whole(2)
	if sent, failures := end(); sent == 0 || len(failures) > 1 {
		s.t.Errorf("%d of %d requests failed: %v", len(failures), sent, failures[:min(5, len(failures))])
	}
}

func TestApplicationKilled(t *testing.T) {
	t.Parallel()
	s := newSite(t, shop)
	s.up(0)
	s.killedReplica(s.processOf)
}

func TestShimKilled(t *testing.T) {
	t.Parallel()
	s := newSite(t, shop)
	s.up(0)
	s.killedReplica(func(id string) int { return s.shims()[id] })
}

func TestShimAndEngineKilled(t *testing.T) {
	t.Parallel()
	s := newSite(t, shop)
	s.up(0)
	s.killedReplica(func(id string) int {
		s.killEngine()
		return s.shims()[id]
	})
}

func TestApplicationsThatKeepDyingWaitLongerEachTime(t *testing.T) {
	t.Parallel()
	s := newSite(t, shop)
	s.up(0)
	id := s.replicas("shop")[0].ID
	restarts := func() (n int) {
		for _, r := range s.replicas("shop") {
			if r.ID == id {
				n = r.Restarts
			}
		}
		return n
	}
	for n := range 3 {
		s.kill(s.processOf(id))
		s.eventually("it is restarted", func() bool { return restarts() > n && s.shims()[id] != 0 })
	}
	s.eventually("both are well", func() bool { return s.status().Services[0].Healthy == 2 })
	s.whole(2)
}

func TestLogWriterKilled(t *testing.T) {
	t.Parallel()
	s := newSite(t, map[string]string{
		"Dockerfile": "FROM busybox\nSTOPSIGNAL SIGKILL\nCMD [\"sh\", \"-c\", \"n=0; while :; do n=$((n+1)); echo line $n; sleep 0.1; done\"]\n",
	})
	s.up(0)
	before := strings.Count(s.run(0, "logs"), "line ")
	s.kill(s.logWriterOf(s.replicas("shop")[0].ID))
	s.eventually("it writes on", func() bool { return strings.Count(s.run(0, "logs"), "line ") > before+10 })
	s.whole(1)
}
