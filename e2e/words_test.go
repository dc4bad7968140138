package e2e

import (
	"bytes"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

func TestAnEngineThatIsReplacedDuringABuildIsNamedAsTheCause(t *testing.T) {
	t.Parallel()
	s := newSite(t, shop)
	s.up(0)
	c := s.buildUnderWay()
	s.refused(0, []string{"engine", "status"}, "busy: shop/local: build by ")
	s.run(0, "engine", "restart")
	if r := c.ends(10); !strings.Contains(r.out, "the engine was stopped") || !strings.Contains(r.out, "run the same command again") {
		t.Errorf("it does not say why it ended:\n%s%s", r.out, r.err)
	}
	s.nothingCameOf()
	if r := s.try("engine", "status"); strings.Contains(r.out, "busy") {
		t.Errorf("nothing is going on: %s", r.out)
	}
}

func TestACommandWhoseReplicaEndsSaysSo(t *testing.T) {
	t.Parallel()
	s := newSite(t, keeper)
	s.up(0)
	c := s.started(s.command("exec", "web", "--", "sh", "-c", "echo inside; sleep 1000"), "inside")
	for pid, line := range s.processes() {
		if strings.Contains(line, "shim") {
			s.kill(pid)
		}
	}
	if code := c.ends(); code != 8 || !strings.Contains(c.out.String(), "has ended meanwhile") || strings.Contains(c.out.String(), "ttrpc") {
		t.Errorf("exit code %d\n%s", code, c.out.String())
	}
}

func TestAnEnvironmentThatNobodyKnowsIsAnError(t *testing.T) {
	t.Parallel()
	s := newSite(t, keeper)
	s.write("seaworthy.yaml", "name: shop\nenvironments: {local: {}, staging: {}}\n")
	s.run(0, "build", "-e", "local")
	for _, verb := range []string{"down", "resume"} {
		s.refused(8, []string{verb, "-e", "typo"}, "typo")
		s.refused(8, []string{verb, "-e", "nosuch/local"}, "no environment nosuch/local")
		s.run(0, verb, "-e", "staging") // it is the project's
	}
}

func TestHintsNameTheRootThatAFlagNames(t *testing.T) {
	t.Parallel()
	s := newSite(t, keeper)
	s.run(0, "build")
	other := *s
	other.env = append(slices.Clone(s.env), "SEAWORTHY_ROOT=/nosuch")
	other.refused(8, []string{"rollback", "--root", s.root}, "seaworthy --root "+s.root+" up -e shop/local deploys")
}

func TestAMachineWithoutControlGroupsIsNoDefect(t *testing.T) {
	t.Parallel()
	s := newSite(t, keeper)
	up := s.command("up")
	cmd := exec.Command("unshare", append([]string{"--mount", "sh", "-c", `umount -lR /sys/fs/cgroup && exec "$@"`, "sh"}, up.Args...)...)
	cmd.Env = up.Env
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	_ = cmd.Run()
	if code := cmd.ProcessState.ExitCode(); code != 10 || !strings.Contains(out.String(), "mount -t cgroup") {
		t.Errorf("exit code %d\n%s", code, out.String())
	}
}

func TestWhereNoSystemdRunsNothingIsInstalled(t *testing.T) {
	t.Parallel()
	s := newSite(t, keeper)
	units := t.TempDir()
	if exec.Command("test", "-d", "/run/systemd/system").Run() == nil {
		t.Skip("systemd runs here")
	}
	s.refused(10, []string{"engine", "install", "--unit-dir", units}, "no systemd", "engine run --root "+s.root+" --config "+s.tmp+"/engine.yaml", "--no-start")
	if out, err := exec.Command("ls", units).Output(); err != nil || len(out) > 0 {
		t.Errorf("a unit was written: %s %v", out, err)
	}
	if r := s.try("engine", "status"); strings.Contains(r.err, "engine install") {
		t.Errorf("it recommends what cannot be: %s", r.err)
	}
	if r := s.try("up"); !strings.Contains(r.out+r.err, "seaworthy engine run --root "+s.root+" --config "+s.tmp+"/engine.yaml") {
		t.Errorf("up does not say with which settings:\n%s%s", r.out, r.err)
	}
}
