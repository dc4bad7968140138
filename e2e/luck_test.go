package e2e

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/seaworthyhq/seaworthy/internal/event"
	"github.com/seaworthyhq/seaworthy/internal/release"
)

// deployments are the environment's, the last one first.
func (s *site) deployments() (all []release.Deployment) {
	s.t.Helper()
	s.readJSON(&all, "history")
	return all
}

// lastEnded is the last deployment, which has to have ended like this.
func (s *site) lastEnded(want release.Result) release.Deployment {
	s.t.Helper()
	all := s.deployments()
	if len(all) == 0 || all[0].Result != want {
		s.t.Fatalf("the last deployment is not %s: %+v", want, all)
	}
	return all[0]
}

func TestTheMachineLacksSomething(t *testing.T) {
	t.Parallel()
	s := newSite(t, shop)
	bin := filepath.Join(s.tmp, "bin")
	if err := os.Mkdir(bin, 0o755); err != nil {
		t.Fatal(err)
	}
	whole, bare := s.env, slices.Concat(s.env, []string{"PATH=" + bin})
	refused := func(tool, packages string) {
		t.Helper()
		s.env = bare
		s.refused(10, []string{"up"}, "find "+tool, "apt-get install "+packages)
		s.env = whole
	}
	refused("runc", "runc")
	s.up(0)
	s.killEngine()
	refused("runc", "runc")
	s.answers("one")

	runc, err := exec.LookPath("runc")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(runc, filepath.Join(bin, "runc")); err != nil {
		t.Fatal(err)
	}
	refused("iptables", "iptables")
	s.answers("one")
	s.up(0)
}

func TestAStateRootThatCannotBeOne(t *testing.T) {
	t.Parallel()
	s := newSite(t, shop)
	for root, says := range map[string]string{
		filepath.Join(s.tmp, strings.Repeat("long", 25)): "longer than a socket's may be",
		filepath.Join(s.tmp, "engine.yaml"):              "not a directory",
	} {
		s.refused(2, []string{"up", "--root", root}, says, "--root DIR")
	}
}

func TestSettingsThatAreWrong(t *testing.T) {
	t.Parallel()
	s := newSite(t, shop)
	settings := filepath.Join(s.tmp, "engine.yaml")
	right, err := os.ReadFile(settings)
	if err != nil {
		t.Fatal(err)
	}
	s.write(settings, "mirrrors: {}\n")
	s.refused(2, []string{"up"}, settings, `unknown field "mirrrors"`, "docs/engine.md")
	s.write(settings, string(right))
	s.run(0, "engine", "restart")
}

func TestASecondEngineIsRefused(t *testing.T) {
	t.Parallel()
	s := newSite(t, shop)
	s.up(0)
	first := s.engine().PID
	s.refused(7, []string{"engine", "run"}, fmt.Sprintf("the engine with pid %d", first), "holds the state root", "seaworthy engine status")
	if now := s.engine().PID; now != first {
		t.Errorf("engine %d runs, not %d", now, first)
	}
	s.answers("one")
}

// slow is a shop whose replicas take their time to come up.
func slow() map[string]string {
	return map[string]string{
		"Dockerfile": strings.Replace(shop["Dockerfile"], `["httpd", "-f", "-p", "8080", "-h", "/www"]`,
			`["sh", "-c", "sleep 1.5; exec httpd -f -p 8080 -h /www"]`, 1),
		"compose.yaml": shop["compose.yaml"],
	}
}

func TestTheSecondUpOfAnEnvironmentWaits(t *testing.T) {
	t.Parallel()
	s := newSite(t, slow())
	first := s.start("up")
	first.until("the deployment begins", deploying)
	s.edit("Dockerfile", "echo one", "echo two")
	second := s.start("up")
	waits := second.until("for whom it waits", func(e event.Event) bool {
		return e.Type == event.TypeMessage && strings.Contains(e.Message.Text, "waiting for")
	})
	if text := waits.Message.Text; !strings.Contains(text, "shop/local: waiting for up of r-") || !strings.Contains(text, " by ") {
		t.Errorf("it says %q", text)
	}
	first.ends(0)
	second.ends(0)
	s.answers("two")
	if all := s.deployments(); len(all) != 2 || all[0].Result != release.Succeeded || all[1].Result != release.Succeeded {
		t.Errorf("history: %+v", all)
	}
}

func TestAScaleThatWaitedKeepsTheUpdate(t *testing.T) {
	t.Parallel()
	s := newSite(t, slow())
	s.up(0)
	s.edit("Dockerfile", "echo one", "echo two")
	update := s.start("up")
	update.until("the rollout waits", reaches("rollout:await", event.Started))
	s.run(0, "scale", "shop=3")
	update.ends(0)
	s.answers("two")
	s.whole(3)
}

func TestAnUpdateThatWaitedForARollbackIsRefused(t *testing.T) {
	t.Parallel()
	s := newSite(t, slow())
	s.up(0)
	s.edit("Dockerfile", "echo one", "echo two")
	s.up(0)
	s.edit("Dockerfile", "echo two", "sleep 1; echo three") // still builds when the rollback has begun
	update := s.start("up")
	update.until("the build has begun", func(e event.Event) bool {
		return e.Type == event.TypeInstruction && e.Instruction.State == event.Started
	})
	s.run(0, "rollback")
	if r := update.ends(7); !strings.Contains(r.out, "is held: rolled back") {
		t.Errorf("it does not say why:\n%s", r.out)
	}
	s.answers("one")
}

func TestDownDuringTheFirstDeployment(t *testing.T) {
	t.Parallel()
	s := newSite(t, slow())
	c := s.start("up")
	c.until("the rollout waits", reaches("rollout:await", event.Started))
	s.run(0, "down", "--volumes", "--yes")
	c.ends(0)
	if left := s.shims(); len(left) > 0 {
		t.Errorf("replicas are left: %v", left)
	}
}

func TestTwoUpsFromColdShareOneEngine(t *testing.T) {
	t.Parallel()
	s := newSite(t, shop)
	calls := []*call{s.start("up"), s.start("up"), s.start("up")}
	for _, c := range calls {
		c.ends(0)
	}
	s.answers("one")
	engines := 0
	for _, line := range s.processes() {
		if strings.Contains(line, "engine run") {
			engines++
		}
	}
	if all := s.deployments(); engines != 1 || len(all) != 1 {
		t.Errorf("%d engines, deployments %+v", engines, all)
	}
}

func TestAnEngineIsReplacedWhileItStops(t *testing.T) {
	t.Parallel()
	s := newSite(t, shop)
	s.up(0)
	for range 3 {
		stop := s.start("engine", "stop")
		s.eventually("the engine answers no more", func() bool { return s.engine().PID == 0 })
		s.up(0)
		stop.ends(0)
	}
	s.answers("one")
}

func TestUpWarnsOnceWhereNothingBringsTheEngineBack(t *testing.T) {
	t.Parallel()
	s := newSite(t, shop)
	const warning = "the engine is not installed"
	if r := s.try("up"); r.code != 0 || strings.Count(r.out+r.err, warning) != 1 || !strings.Contains(r.out+r.err, s.root) {
		t.Errorf("the first up: exit code %d\n%s%s", r.code, r.out, r.err)
	}
	s.edit("Dockerfile", "echo one", "echo two")
	if r := s.try("up"); r.code != 0 || strings.Contains(r.out+r.err, warning) {
		t.Errorf("the second up: exit code %d\n%s%s", r.code, r.out, r.err)
	}
}

// stuck is a build that has said "building" and goes on for ever.
const stuck = "RUN echo building; sleep 987654"

// sleepers are the processes of stuck that run in this site's builds.
func (s *site) sleepers() (pids []string) {
	all, _ := filepath.Glob("/proc/[0-9]*/cmdline")
	for _, path := range all {
		line, err := os.ReadFile(path)
		if err != nil || !strings.HasPrefix(string(line), "sleep\x00987654\x00") {
			continue
		}
		if mounts, err := os.ReadFile(filepath.Join(filepath.Dir(path), "mountinfo")); err == nil && strings.Contains(string(mounts), s.root) {
			pids = append(pids, path)
		}
	}
	return pids
}

// noBuildRuns waits until nothing is left of what was built.
func (s *site) noBuildRuns() {
	s.t.Helper()
	s.eventually("the build's processes end", func() bool { return len(s.sleepers()) == 0 })
}

// buildUnderWay is an up on top of a shop that serves, in the middle of its build.
func (s *site) buildUnderWay() *call {
	s.t.Helper()
	s.edit("Dockerfile", "RUN mkdir", stuck+"\nRUN mkdir")
	c := s.start("up")
	c.until("the build runs", writes("building"))
	s.eventually("the build's process is found", func() bool { return len(s.sleepers()) > 0 })
	return c
}

// nothingCameOf checks that a build that was cut has left nothing, and that the same command does its work.
func (s *site) nothingCameOf() {
	s.t.Helper()
	s.noBuildRuns()
	s.answers("one")
	if all := s.deployments(); len(all) != 1 {
		s.t.Errorf("a deployment came of it: %+v", all)
	}
	s.edit("Dockerfile", stuck+"\n", "")
	s.edit("Dockerfile", "echo one", "echo two")
	s.up(0)
	s.answers("two")
}

func TestInterruptedBuildRecordsNothing(t *testing.T) {
	t.Parallel()
	s := newSite(t, shop)
	s.up(0)
	c := s.buildUnderWay()
	c.signal(syscall.SIGINT)
	c.signal(syscall.SIGINT) // as timeout does: to the process and to its group
	c.until("it says what became of the stage", func(e event.Event) bool { return e.Step != nil && e.Step.State == event.Stopped })
	c.until("it says what took how long", func(e event.Event) bool { return e.Times != nil })
	r := c.ends(130)
	if !strings.Contains(r.out+r.err, "run the same command again") {
		t.Errorf("it does not say what to do next:\n%s%s", r.out, r.err)
	}
	s.nothingCameOf()
}

func TestInterruptedRolloutIsFinishedByTheEngine(t *testing.T) {
	t.Parallel()
	s := newSite(t, slow())
	c := s.start("up")
	c.until("the rollout waits", reaches("rollout:await", event.Started))
	c.signal(syscall.SIGINT)
	if r := c.ends(130); !strings.Contains(r.out+r.err, "the engine finishes what it has begun: seaworthy status") {
		t.Errorf("it does not say what happens next:\n%s%s", r.out, r.err)
	}
	s.eventually("the engine finishes", func() bool { return s.deployments()[0].Result == release.Succeeded })
	s.answers("one")
	if all := s.deployments(); len(all) != 1 {
		t.Errorf("history: %+v", all)
	}
}

func TestAPortThatIsTaken(t *testing.T) {
	t.Parallel()
	s := newSite(t, slow())
	s.up(0)
	other := freePort(t)
	s.edit("compose.yaml", fmt.Sprintf("127.0.0.1:%d:", s.port), fmt.Sprintf("127.0.0.1:%d:", other))
	taken := []string{fmt.Sprintf("port %d", other), "taken", fmt.Sprintf("sport = :%d", other)}

	t.Log("before up")
	l := s.listen(other)
	s.refused(7, []string{"up"}, taken...)
	s.answers("one")
	if all := s.deployments(); len(all) != 1 {
		t.Errorf("a deployment came of it: %+v", all)
	}
	l.Close()

	t.Log("between check and use")
	s.edit("Dockerfile", "echo one", "echo two") // new replicas, which take their time
	c := s.start("up")
	c.until("the rollout waits", reaches("rollout:await", event.Started))
	l = s.listen(other)
	r := c.ends(7)
	for _, w := range []string{fmt.Sprint(other), "in use"} {
		if !strings.Contains(r.out+r.err, w) {
			t.Errorf("it does not say %q:\n%s", w, r.out+r.err)
		}
	}
	s.answers("one")
	s.lastEnded(release.RolledBack)
	l.Close()

	s.up(0)
	s.port = other
	s.answers("two")
}

func (s *site) listen(port int) net.Listener {
	s.t.Helper()
	l, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port))
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { _ = l.Close() })
	return l
}

func TestAScaleThatFailsIsForgotten(t *testing.T) {
	t.Parallel()
	s := newSite(t, map[string]string{
		"Dockerfile":   strings.Replace(shop["Dockerfile"], `["httpd"`, `["sh", "-c", "mkdir -p /data/$(hostname) && test $(ls /data | wc -l) -le 2 && exec httpd -f -p 8080 -h /www", "httpd"`, 1),
		"compose.yaml": shop["compose.yaml"] + "    volumes: [\"data:/data\"]\nvolumes: {data: {}}\n",
	})
	s.up(0)
	s.run(6, "scale", "shop=3") // the third finds no place
	s.answers("one")
	s.up(0)
	s.whole(2)
}
