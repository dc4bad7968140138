package e2e

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/seaworthyhq/seaworthy/internal/event"
	"github.com/seaworthyhq/seaworthy/internal/release"
)

func TestARestartedMachineBringsItsEnvironmentsBack(t *testing.T) {
	t.Parallel()
	s := newSite(t, map[string]string{
		"Dockerfile": shop["Dockerfile"],
		"compose.yaml": `services:
  db:
    build: .
    command: ["sh", "-c", "sleep 1; exec httpd -f -p 8080 -h /www"]
    volumes: ["data:/data"]
    stop_grace_period: 1s
  shop:
    build: .
    command: ["sh", "-c", "wget -q -O - http://db:8080/version > /saw; cat /run/secrets/key >> /saw; exec httpd -f -p 8080 -h /www"]
    depends_on: {db: {condition: service_healthy}}
    secrets: [key]
    configs: [motd]
    ports: ["127.0.0.1:{{port}}:8080"]
    stop_grace_period: 1s
  clock:
    image: busybox
    command: ["sleep", "infinity"]
    stop_grace_period: 1s
    stop_signal: SIGKILL
secrets: {key: {file: key.txt}}
configs: {motd: {file: motd.txt}}
volumes: {data: {}}
`,
		"key.txt":  "a secret value",
		"motd.txt": "ahoy",
	})
	s.up(0)
	s.edit("Dockerfile", "echo one", "echo two")
	s.up(0)
	s.run(0, "exec", "db", "--", "sh", "-c", "echo kept > /data/file")
	before := s.deployments()

	s.comesToRest()
	s.restartMachine()
	s.eventually("the shop answers again", s.responds)
	s.eventually("all replicas are well", func() bool {
		healthy := 0
		for _, service := range s.status().Services {
			healthy += service.Healthy
		}
		return healthy == 3
	})
	s.answers("two")
	saw := strings.TrimSpace(s.run(0, "exec", "shop", "--", "cat", "/saw"))
	if want := "two\na secret value"; saw != want {
		t.Errorf("the shop saw %q when it started, want %q", saw, want)
	}
	if got := strings.TrimSpace(s.run(0, "exec", "db", "--", "cat", "/data/file")); got != "kept" {
		t.Errorf("the volume has %q", got)
	}
	if after := s.deployments(); len(after) != len(before) {
		t.Errorf("a restart is no deployment: %+v", after)
	}
	s.up(0) // nothing to do
	if after := s.deployments(); len(after) != len(before) {
		t.Errorf("there was something left to deploy: %+v", after)
	}
	s.run(0, "rollback")
	s.answers("one")

	s.restartMachine()
	s.eventually("the shop answers after the next restart", s.responds)
	if got := s.run(0, "exec", "shop", "--", "cat", "/motd"); got != "ahoy" {
		t.Errorf("the config has %q", got)
	}
}

func TestAMachineRestartedDuringARollout(t *testing.T) {
	t.Parallel()
	for name, files := range map[string]map[string]string{"the old one serves": slow(), "requests are held": writer()} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newSite(t, files)
			s.up(0)
			replicas := len(s.shims())
			s.edit("Dockerfile", "echo one", "echo two")
			c := s.start("up")
			c.until("the new one comes up", reaches("rollout:await", event.Started))
			s.restartMachine()
			c.wait()
			s.eventually("the deployment ends", func() bool { return s.lastResult() != release.Running })
			s.lastEnded(release.Succeeded)
			s.answers("two")
			s.whole(replicas)
			s.run(0, "rollback") // to what was built before the power went
			s.answers("one")
		})
	}
}

// responds says whether the site answers a request. One that gets no answer at all has gone astray.
func (s *site) responds() bool {
	client := http.Client{Timeout: 20 * time.Second}
	resp, err := client.Get(s.url() + "version")
	if err != nil {
		if timeout, ok := errors.AsType[net.Error](err); ok && timeout.Timeout() {
			s.t.Errorf("a request gets no answer: %v", err)
		}
		return false
	}
	resp.Body.Close()
	return resp.StatusCode == http.StatusOK
}

// restartMachine takes the power away and has an engine run again, as systemd would.
func (s *site) restartMachine() {
	s.t.Helper()
	s.losePower()
	engine := s.command("engine", "run")
	if err := engine.Start(); err != nil {
		s.t.Fatal(err)
	}
	go func() { _ = engine.Wait() }() // it is ended when the site is taken down
}

// losePower leaves of the site what a machine that loses its power leaves: what has reached its disk.
func (s *site) losePower() {
	s.t.Helper()
	edge := s.engine().Edge
	all := append(s.everything(), edge)
	for _, pid := range all {
		_ = syscall.Kill(pid, syscall.SIGKILL) // some end with others
	}
	for _, pid := range all {
		s.ended(pid)
	}
	for len(s.everything()) > 0 {
		for _, pid := range s.everything() {
			_ = syscall.Kill(pid, syscall.SIGKILL)
			s.ended(pid)
		}
	}
	id := s.engineID()
	run, tag := "/run/seaworthy/"+id[:12], id[:4]
	for _, dir := range []string{s.tmp, run} {
		for _, m := range slices.Backward(mountsBelow(s.t, dir)) {
			if err := syscall.Unmount(m, syscall.MNT_DETACH); err != nil {
				s.t.Fatalf("unmount %s: %v", m, err)
			}
		}
	}
	if err := os.RemoveAll(run); err != nil {
		s.t.Fatal(err)
	}
	forgetNetworks(s.t, tag)
	forgetRules(s.t, tag)
	cgroups, _ := filepath.Glob("/sys/fs/cgroup/*/seaworthy/" + tag)
	for _, dir := range append(cgroups, "/sys/fs/cgroup/seaworthy/"+tag) {
		_ = exec.Command("find", dir, "-depth", "-type", "d", "-exec", "rmdir", "{}", ";").Run() // what is left matters to nobody
	}
	s.tearIndex()
}

// engineID names what is this engine's, as runtime does.
func (s *site) engineID() string {
	sum := sha256.Sum256([]byte(s.root))
	return hex.EncodeToString(sum[:])
}

// indexSeal is what the engine has on its disk of whether all of its index is.
type indexSeal struct {
	Index string `json:"index"`
	Boot  string `json:"boot,omitempty"`
}

func (s *site) indexSeal() (seal indexSeal) {
	s.t.Helper()
	b, err := os.ReadFile(filepath.Join(s.root, "containerd", "index.json"))
	if err == nil {
		err = json.Unmarshal(b, &seal)
	}
	if err != nil {
		s.t.Fatal(err)
	}
	return seal
}

// comesToRest waits until all that the engine has written is on its disk.
func (s *site) comesToRest() {
	s.t.Helper()
	s.eventually("the index is sealed", func() bool { return s.indexSeal().Boot == "" })
}

// tearIndex spoils what may not have reached the disk, and has the machine be in another boot.
func (s *site) tearIndex() {
	s.t.Helper()
	seal := s.indexSeal()
	if seal.Boot == "" {
		return // all has
	}
	seal.Boot = "another"
	b, err := json.Marshal(seal)
	if err != nil {
		s.t.Fatal(err)
	}
	torn := make([]byte, 1<<16)
	// Files of replicas may be there and empty.
	for _, pattern := range []string{
		"containers/*/bundle/*.json", "containers/*/host*", "containers/*/resolv.conf", "containers/*/files/*", "logs/*/*/*/replica.json",
	} {
		torn, err := filepath.Glob(filepath.Join(s.root, pattern))
		if err != nil {
			s.t.Fatal(err)
		}
		for _, path := range torn {
			if err := os.Truncate(path, 0); err != nil {
				s.t.Fatal(err)
			}
		}
	}
	for name, content := range map[string][]byte{
		"containerd/index.json": b, "containerd/metadata.db": torn, "containerd/snapshots/metadata.db": torn,
		"build/worker/metadata_v2.db": torn, "build/cache.db": torn,
	} {
		if err := os.WriteFile(filepath.Join(s.root, name), content, 0o600); err != nil {
			s.t.Fatal(err)
		}
	}
}

// everything is all processes of the site: those that name its root, and those in its replicas. Mounts do not tell those: what
// another site has just begun to make still has those of the host.
func (s *site) everything() (pids []int) {
	s.t.Helper()
	named := s.processes()
	ours := "/seaworthy/" + s.tag() + "/"
	all, _ := filepath.Glob("/proc/[0-9]*")
	for _, dir := range all {
		pid, err := strconv.Atoi(filepath.Base(dir))
		if err != nil {
			continue
		}
		groups, _ := os.ReadFile(dir + "/cgroup") // it may have ended
		if named[pid] != "" || strings.Contains(string(groups), ours) {
			pids = append(pids, pid)
		}
	}
	return pids
}

// tag tells what the site's engine makes from what others make, as runtime names it.
func (s *site) tag() string {
	sum := sha256.Sum256([]byte(s.root))
	return hex.EncodeToString(sum[:])[:4]
}

func mountsBelow(t *testing.T, dir string) (found []string) {
	t.Helper()
	table, err := os.ReadFile("/proc/self/mounts")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(table)) {
		if f := strings.Fields(line); len(f) > 1 && strings.HasPrefix(f[1], dir+"/") {
			found = append(found, f[1])
		}
	}
	return found
}

func forgetNetworks(t *testing.T, tag string) {
	t.Helper()
	all, err := net.Interfaces()
	if err != nil {
		t.Fatal(err)
	}
	found := false
	for _, link := range all {
		if strings.HasPrefix(link.Name, "sw-"+tag) {
			found = true
			command(t, "ip", "link", "delete", link.Name)
		}
	}
	if !found {
		t.Fatal("no network of the site is found")
	}
}

func forgetRules(t *testing.T, tag string) {
	t.Helper()
	for _, table := range []string{"filter", "nat"} {
		rules := command(t, "iptables-save", "-t", table)
		var orders []string
		for line := range strings.Lines(rules) {
			line = strings.TrimSpace(line)
			if jump, ours := strings.CutPrefix(line, "-A "); ours && strings.Contains(line, "-j SEAWORTHY-") && strings.HasSuffix(line, "-"+tag) {
				orders = append(orders, "-D "+jump)
			}
			if chain, _, is := strings.Cut(line, " "); is && strings.HasPrefix(chain, ":SEAWORTHY-") && strings.HasSuffix(chain, "-"+tag) {
				orders = append(orders, "-F "+chain[1:], "-X "+chain[1:])
			}
		}
		slices.Sort(orders) // -D, then -F, then -X
		if len(orders) == 0 {
			t.Fatalf("no rules of the site are found in %s:\n%s", table, rules)
		}
		for _, order := range orders {
			command(t, "iptables", append([]string{"-w", "-t", table}, strings.Fields(order)...)...)
		}
	}
}

func command(t *testing.T, name string, args ...string) string {
	t.Helper()
	out, err := exec.Command(name, args...).CombinedOutput()
	if err != nil {
		t.Fatal(fmt.Errorf("%s %v: %w\n%s", name, args, err, out))
	}
	return string(out)
}
