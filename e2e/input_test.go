package e2e

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// badInput is what a user may get wrong, the exit code that it ends with, and what the error says.
var badInput = []struct {
	name  string
	files map[string]string // instead of the project's own; empty: not there
	args  []string          // besides up
	code  int
	says  []string
}{
	{
		name:  "no Dockerfile",
		files: map[string]string{"Dockerfile": "", "compose.yaml": ""},
		code:  3, says: []string{"there is no such file", "make a Dockerfile or a compose.yaml"},
	},
	{
		name:  "syntax error",
		files: map[string]string{"Dockerfile": "FROM busybox AS a\nCOPPY x y\n"},
		code:  3, says: []string{"Dockerfile:2:1: unknown instruction: COPPY", "2 │ COPPY x y", "did you mean COPY?"},
	},
	{
		name:  "unknown target stage",
		files: map[string]string{"compose.yaml": "services:\n  shop:\n    build: {context: ., target: nope}\n"},
		code:  3, says: []string{`compose.yaml:3:25: Dockerfile has no stage "nope"`, "build: {context: ., target: nope}", "its stages are content, check"},
	},
	{
		name:  "a cycle of stages",
		files: map[string]string{"Dockerfile": "FROM busybox AS a\nCOPY --from=b /x /x\nFROM busybox AS b\nCOPY --from=a /x /x\n"},
		code:  3, says: []string{"Dockerfile:2:1: stages wait for each other: a → b → a", "take from a stage that needs none of these"},
	},
	{
		name:  "a cycle of services",
		files: map[string]string{"compose.yaml": "services:\n  a: {build: ., depends_on: [b]}\n  b: {build: ., depends_on: [a]}\n"},
		code:  3, says: []string{"compose.yaml:2:17: services wait for each other: a → b → a"},
	},
	{
		name:  "a base image that is not there",
		files: map[string]string{"Dockerfile": "FROM nosuchimage:1.0\nEXPOSE 80\nCMD [\"x\"]\n"},
		code:  8, says: []string{"base image nosuchimage:1.0: not found, and registry-1.docker.io cannot be reached", ">>> FROM nosuchimage:1.0", "asked ", "check the name and the tag", "set a mirror"},
	},
	{
		name:  "a service's image that is not there",
		files: map[string]string{"compose.yaml": "services:\n  shop: {build: .}\n  db: {image: \"nosuchimage:1.0\"}\n"},
		code:  8, says: []string{"nosuchimage:1.0", "asked ", "set a mirror"},
	},
	{
		name:  "a failing RUN",
		files: map[string]string{"Dockerfile": "FROM busybox AS content\nRUN echo the reason && \\\n    exit 7\nFROM busybox\nCOPY --from=content /x /x\nCMD [\"x\"]\n"},
		code:  4, says: []string{"stage content: RUN echo the reason && … exited with code 7", "2 | >>> RUN echo the reason", "\n  the reason\n", "hint:"},
	},
	{
		name:  "a failing check",
		files: map[string]string{"Dockerfile": strings.Replace(shop["Dockerfile"], "grep -q .", "grep -q three", 1)},
		code:  5, says: []string{"check check: RUN grep -q three /www/version exited with code 1", ">>> RUN grep", "checks: {check: skip}"},
	},
	{
		name:  "a key that Compose does not have",
		files: map[string]string{"compose.yaml": "services:\n  shop:\n    build: .\n    prots: [\"80:80\"]\n"},
		code:  3, says: []string{`compose.yaml:4:5: unknown key "prots" in services.shop`, `did you mean "ports"?`},
	},
	{
		name:  "keys that are refused, all at once",
		files: map[string]string{"compose.yaml": "services:\n  shop:\n    build: .\n    privileged: true\n    volumes: [\"/var/run/docker.sock:/s\"]\n"},
		code:  3, says: []string{"compose.yaml:4:", "privileged", "compose.yaml:5:", "docker.sock"},
	},
	{
		name:  "seaworthy.yaml with several problems",
		files: map[string]string{"seaworthy.yaml": "name: BAD Name\nfoo: 1\nenvironments:\n  staging: {compsoe: [x.yaml]}\n"},
		code:  3, says: []string{"seaworthy.yaml:1:1", `seaworthy.yaml:2:1: unknown key "foo"`, `seaworthy.yaml:4:13: unknown key "compsoe"`, `did you mean "compose"?`},
	},
	{
		name:  "an environment that nobody knows",
		files: map[string]string{"seaworthy.yaml": "name: shop\nenvironments:\n  staging: {}\n"},
		args:  []string{"-e", "stagging"},
		code:  8, says: []string{"find environment stagging", "choose one of staging, local", `did you mean "staging"?`},
	},
	{
		name:  "an environment other than local without a name",
		files: map[string]string{"seaworthy.yaml": "environments:\n  staging: {}\n"},
		args:  []string{"-e", "staging"},
		code:  3, says: []string{"seaworthy.yaml:2:3: the environment staging needs a project with a name", "write name: shop into seaworthy.yaml"},
	},
	{
		name: "a flag that is not there",
		args: []string{"--nosuch"},
		code: 2, says: []string{"unknown flag: --nosuch", "seaworthy up --help"},
	},
}

func TestBadInputIsExplainedAndTheOldReleaseServes(t *testing.T) {
	t.Parallel()
	s := newSite(t, shop)
	s.up(0)
	history := s.run(0, "history", "--json")
	releases := s.run(0, "status", "--json")
	for _, bad := range badInput {
		t.Log(bad.name)
		for name, content := range bad.files {
			s.replace(name, content)
		}
		s.refused(bad.code, append([]string{"up"}, bad.args...), bad.says...)
		s.answers("one")
		for name := range bad.files {
			s.replace(name, shop[name])
		}
	}
	if after := s.run(0, "history", "--json"); after != history {
		t.Errorf("history changed:\n%s\nbefore:\n%s", after, history)
	}
	if after := s.run(0, "status", "--json"); after != releases {
		t.Errorf("status changed:\n%s\nbefore:\n%s", after, releases)
	}
	s.up(0) // and the same command does what it did
	s.answers("one")
}

// replace writes a file of the project, or removes it where it has no content.
func (s *site) replace(name, content string) {
	s.t.Helper()
	if content != "" {
		s.write(name, content)
		return
	}
	if err := os.RemoveAll(s.path(name)); err != nil {
		s.t.Fatal(err)
	}
}

func TestAskingWithoutATerminalIsAnError(t *testing.T) {
	t.Parallel()
	s := newSite(t, keeper)
	s.up(0)
	s.refused(2, []string{"down", "--volumes"}, "there is no terminal to ask on", "--yes")
	s.inside("web", "test -d /data")
	s.run(0, "down", "--volumes", "--yes")
	s.run(0, "down", "--volumes") // nothing is left to ask about
}

func TestOtherEnvironmentsTakeOnlyWhatIsCommitted(t *testing.T) {
	t.Parallel()
	s := newSite(t, shop)
	s.write("seaworthy.yaml", "name: shop\nenvironments:\n  staging: {}\n")
	s.git("init", "-q")
	s.git("add", ".")
	s.git("commit", "-q", "-m", "shop")
	s.write(".seaworthy/scratch", "is nobody's business")
	s.run(0, "release", "-e", "staging")

	s.edit("Dockerfile", "echo one", "echo two")
	s.write("new file", "")
	s.refused(7, []string{"up", "-e", "staging"}, "staging takes only what is committed: 2 paths not committed", "Dockerfile", "new file", "git commit them, or say --dirty")
	s.run(0, "release", "-e", "local")
	s.run(0, "up", "-e", "staging", "--dirty")
	s.answers("two")
	var all []struct {
		Origin struct{ Dirty []string }
	}
	s.readJSON(&all, "history", "-e", "staging")
	if len(all) != 1 || len(all[0].Origin.Dirty) != 2 {
		t.Errorf("history does not say what was not committed: %+v", all)
	}
}

func TestOtherEnvironmentsTakeNothingThatGitIgnores(t *testing.T) {
	t.Parallel()
	s := newSite(t, shop)
	s.write("seaworthy.yaml", "name: shop\nenvironments:\n  staging: {}\n")
	s.write(".gitignore", "*.gen\n.env\n")
	s.write(".env", "LEVEL=info\n")
	s.git("init", "-q")
	s.git("add", ".")
	s.git("commit", "-q", "-m", "shop")
	s.run(0, "release", "-e", "staging")

	s.write("web/code.gen", "whatever")
	s.refused(7, []string{"up", "-e", "staging"}, "staging takes only what is committed: 1 path that git ignores", "web/code.gen", ".dockerignore", "--dirty")
	if out := s.run(0, "plan", "-e", "staging"); !strings.Contains(out, "1 path that git ignores") {
		t.Errorf("the plan does not say what up refuses:\n%s", out)
	}
	s.write(".dockerignore", "web\n")
	s.git("add", ".dockerignore")
	s.git("commit", "-q", "-m", "shop: without")
	s.run(0, "release", "-e", "staging")
}

func TestWhatGitRefusesToSayIsAWarningForEveryReader(t *testing.T) {
	t.Parallel()
	s := newSite(t, shop)
	s.git("init", "-q")
	s.env = append(s.env, "GIT_TEST_ASSUME_DIFFERENT_OWNER=1", "GIT_CONFIG_GLOBAL=/dev/null")
	for _, args := range [][]string{{"build"}, {"build", "--json"}} {
		r := s.try(args...)
		if all := r.out + r.err; strings.Count(all, "no commit is recorded: ") != 1 || !strings.Contains(all, "git config --global --add safe.directory ") {
			t.Errorf("%v: exit code %d\n%s", args, r.code, all)
		}
	}
}

func (s *site) git(args ...string) {
	s.t.Helper()
	cmd := exec.Command("git", append([]string{"-C", s.dir, "-c", "user.name=test", "-c", "user.email=test@localhost"}, args...)...)
	if out, err := cmd.CombinedOutput(); err != nil {
		s.t.Fatalf("git %v: %v\n%s", args, err, out)
	}
}

func TestOverrideAndShellCountForLocalOnly(t *testing.T) {
	t.Parallel()
	s := newSite(t, map[string]string{
		"Dockerfile":            "FROM busybox\nEXPOSE 80\nCMD [\"true\"]\n",
		"compose.yaml":          "services:\n  shop:\n    build: .\n    environment: {FROM_SHELL: \"${E2E_WORD:-none}\"}\n",
		"compose.override.yaml": "services:\n  shop:\n    environment: {FROM_OVERRIDE: \"yes\"}\n",
		"seaworthy.yaml":        "name: shop\nenvironments:\n  staging: {}\n",
	})
	s.env = append(s.env, "E2E_WORD=word")
	local, staging := s.run(0, "config", "-e", "local"), s.run(0, "config", "-e", "staging")
	for _, want := range []string{"word", "FROM_OVERRIDE"} {
		if !strings.Contains(local, want) {
			t.Errorf("local lacks %s:\n%s", want, local)
		}
		if strings.Contains(staging, want) {
			t.Errorf("staging has %s:\n%s", want, staging)
		}
	}
}

// stranger is nobody's user on the machine, and members is nobody's group.
const stranger, members = 54321, 54322

func TestWithoutRoot(t *testing.T) {
	t.Parallel()
	s := newSite(t, shop)
	if err := os.Chmod(s.tmp, 0o755); err != nil {
		t.Fatal(err)
	}
	public := filepath.Join(s.tmp, "seaworthy")
	if err := os.Link(s.bin, public); err != nil {
		t.Fatal(err)
	}
	s.bin = public
	s.write(filepath.Join(s.tmp, "engine.yaml"), "mirrors: {docker.io: [\""+bases+"\"]}\ngroup: \"54322\"\n")

	denied := func(args []string, words ...string) {
		t.Helper()
		code, out := s.as(stranger, stranger, args...)
		for _, w := range words {
			if !strings.Contains(out, w) {
				t.Errorf("%v does not say %q:\n%s", args, w, out)
			}
		}
		if code != 9 {
			t.Errorf("%v: exit code %d, want 9\n%s", args, code, out)
		}
	}
	denied([]string{"up"}, "only root can start the engine", "sudo ")
	denied([]string{"engine", "run"}, "only root can run an engine", "sudo ")
	denied([]string{"engine", "install"}, "only root can install the engine")

	s.up(0)
	denied([]string{"status"}, "no permission to open", "sudo", "usermod -aG 54322")
	denied([]string{"up"}, "no permission to open")
	for _, args := range [][]string{{"status"}, {"history"}, {"logs"}, {"engine", "status"}, {"plan"}, {"scale", "shop=1"}} {
		if code, out := s.as(stranger, members, args...); code != 0 {
			t.Errorf("%v as a member of the group: exit code %d\n%s", args, code, out)
		}
	}
}

// as runs a verb as another user, and returns all that it printed.
func (s *site) as(uid, gid uint32, args ...string) (code int, out string) {
	s.t.Helper()
	var b bytes.Buffer
	cmd := s.command(args...)
	cmd.Stdout, cmd.Stderr = &b, &b
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uid, Gid: gid}}
	if err := cmd.Run(); err != nil && cmd.ProcessState == nil {
		s.t.Fatal(err)
	}
	return cmd.ProcessState.ExitCode(), b.String()
}
