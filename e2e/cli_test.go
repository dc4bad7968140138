package e2e

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Scripts find the error where they read everything else, whatever it is about.
func TestErrorsAreJSONToo(t *testing.T) {
	t.Parallel()
	s := newSite(t, map[string]string{"Dockerfile": "FROM busybox\nCOPPY x y\n"})
	for _, c := range []struct {
		args   string
		code   int
		kind   string
		stream bool
	}{
		{"up", 3, "project", true},
		{"up --bogus", 2, "usage", true},
		{"up --plain", 2, "usage", true},
		{"plan -C /none", 2, "usage", true},
		{"status -C /", 2, "usage", false},
		{"status extra", 2, "usage", false},
		{"config", 3, "project", false},
		{"staus", 2, "usage", false},
		{"volume lst", 2, "usage", false},
		{"exec nosuch", 2, "usage", false},
	} {
		r := s.try(append(strings.Fields(c.args), "--json")...)
		type failure struct{ Kind, Message string }
		var last struct {
			Type  string
			Error failure
			End   struct{ Error failure }
		}
		if err := json.Unmarshal([]byte(r.out), &last); err != nil {
			t.Errorf("%s: standard output is not one document: %v\n%s", c.args, err, r.out)
			continue
		}
		got := last.Error
		if c.stream {
			got = last.End.Error
		}
		if r.code != c.code || got.Kind != c.kind || got.Message == "" || c.stream != (last.Type == "end") {
			t.Errorf("%s: exit code %d\n%s", c.args, r.code, r.out)
		}
		if !strings.Contains(r.err, got.Message) {
			t.Errorf("%s: people are not told %q:\n%s", c.args, got.Message, r.err)
		}
	}
}

func TestWrongCommandLinesSayWhatIsMeant(t *testing.T) {
	t.Parallel()
	s := newSite(t, nil)
	for args, words := range map[string][]string{
		"staus":                 {"no verb staus", "did you mean seaworthy status?"},
		"staus --all":           {"no verb staus", "did you mean seaworthy status?"},
		"ps":                    {"did you mean seaworthy status?"},
		"volume rm new":         {"no verb rm", "did you mean seaworthy volume remove?"},
		"engine foo":            {"no verb foo", "seaworthy engine --help"},
		"help nosuch":           {"no verb nosuch", "seaworthy --help"},
		"status extra":          {"takes no arguments"},
		"history -n -1":         {"not a number of 0 or more"},
		"status --json --plain": {"--json and --plain exclude each other"},
	} {
		s.refused(2, strings.Fields(args), words...)
	}
	if out := s.run(0, "version"); !strings.Contains(out, "seaworthy e2e") {
		t.Errorf("version: %s", out)
	}
	if out := s.run(0, "help", "volume", "list"); !strings.Contains(out, "seaworthy volume list") {
		t.Errorf("help volume list: %s", out)
	}
}

// A root or a name that was mistyped is an error, and nothing is made for it.
func TestLookingMakesNothing(t *testing.T) {
	t.Parallel()
	s := newSite(t, map[string]string{
		"Dockerfile": "FROM busybox\nCMD [\"true\"]\n", "seaworthy.yaml": "name: shop\nenvironments: {local: {}, staging: {}}\n",
	})
	for _, args := range []string{
		"status", "status --all", "history", "show", "ledger", "ledger --verify", "logs", "export", "volume list", "gc",
		"scale shop=2", "rollback", "restart", "resume", "exec shop true", "run shop true",
	} {
		s.refused(10, strings.Fields(args), "no engine has ever run in "+s.root, "--root")
	}
	s.run(0, "config")
	s.refused(10, []string{"engine", "status"}, "no engine is running")
	if out := s.run(0, "down"); !strings.Contains(out, "nothing runs") {
		t.Errorf("down: %s", out)
	}
	if out := s.run(0, "engine", "stop", "--json"); !strings.Contains(out, `"stopped": false`) {
		t.Errorf("engine stop: %s", out)
	}
	if _, err := os.Stat(s.root); err == nil {
		t.Fatal("a state root was made")
	}

	s.refused(10, []string{"status", "--root", s.dir}, "no engine has ever run in "+s.dir) // a folder of something else
	if _, err := os.Stat(s.path("engine.log")); err == nil {
		t.Error("an engine was started among the files of the project")
	}

	s.run(0, "build")
	for _, verb := range []string{"status", "history", "ledger", "volume list"} {
		s.refused(8, append(strings.Fields(verb), "-e", "stagin"), "stagin", "staging")
		s.refused(8, append(strings.Fields(verb), "-e", "other/local"), "no environment other/local", "status --all")
		s.run(0, append(strings.Fields(verb), "-e", "staging")...)
	}
}

// A plan file replaces nothing but a plan, and what is no plan is not run; service names are what Compose has there.
func TestPlansAreToldFromOtherFiles(t *testing.T) {
	t.Parallel()
	s := newSite(t, map[string]string{"Dockerfile": "FROM busybox\nCMD [\"true\"]\n", "precious": "mine"})
	s.refused(2, []string{"up", "web"}, "up takes no service names", "seaworthy plan -o")
	s.refused(2, []string{"up", "web", "db"}, "up takes no service names", "seaworthy plan -o")
	s.refused(2, []string{"up", s.path("precious")}, "is not a plan", "seaworthy plan -o")

	s.refused(7, []string{"plan", "-o", s.path("precious")}, "what is there is not a plan")
	s.refused(7, []string{"plan", "-o", "/dev/null"}, "what is there is not a plan")
	s.refused(2, []string{"plan", "-o", s.path("folder/x.plan")}, "there is no folder")
	if content, err := os.ReadFile(s.path("precious")); err != nil || string(content) != "mine" {
		t.Errorf("the file was written over: %q %v", content, err)
	}
	if _, err := os.Stat(s.path("folder")); err == nil {
		t.Error("a folder was made")
	}
}

func TestSettingsThatWereNamedAreTheOnesTaken(t *testing.T) {
	t.Parallel()
	s := newSite(t, map[string]string{"Dockerfile": "FROM busybox\nCMD [\"true\"]\n"})
	named := func(path string) result {
		s.env = []string{"SEAWORTHY_CONFIG=" + path}
		return s.tryIn(s.tmp, "up")
	}
	if r := named("nosuch.yaml"); r.code != 2 || !strings.Contains(r.err, "find settings") {
		t.Errorf("a file that is not there: exit code %d\n%s", r.code, r.err)
	}
	if _, err := os.Stat(s.root); err == nil {
		t.Error("an engine was started without the settings that it was to have")
	}
	s.write(filepath.Join(s.tmp, "other.yaml"), "nosuchkey: 1\n")
	if r := named("other.yaml"); r.code != 2 || !strings.Contains(r.err, filepath.Join(s.tmp, "other.yaml")) || !strings.Contains(r.err, "nosuchkey") {
		t.Errorf("a relative path: exit code %d\n%s", r.code, r.err)
	}

	units := t.TempDir()
	s.write(filepath.Join(s.tmp, "other.yaml"), "{}\n")
	if r := s.tryIn(s.tmp, "engine", "install", "--no-start", "--unit-dir", units); r.code != 0 {
		t.Fatalf("engine install: %s", r.err)
	}
	unit, err := os.ReadFile(filepath.Join(units, "seaworthy.service"))
	if err != nil || !strings.Contains(string(unit), " --config "+filepath.Join(s.tmp, "other.yaml")+" ") {
		t.Errorf("the unit does not name the settings: %v\n%s", err, unit)
	}
	s.env = nil
	s.refused(2, []string{"engine", "install", "--no-start", "--unit-dir", "/nosuch"}, "/nosuch", "--unit-dir")
	s.refused(2, []string{"engine", "install", "--no-start", "--unit-dir", units, "--config", "nosuch.yaml"}, "find settings")
}

// tryIn runs a verb in a directory.
func (s *site) tryIn(dir string, args ...string) result {
	s.t.Helper()
	var out, errs bytes.Buffer
	cmd := s.command(args...)
	cmd.Dir, cmd.Stdout, cmd.Stderr = dir, &out, &errs
	if err := cmd.Run(); err != nil && cmd.ProcessState == nil {
		s.t.Fatal(err)
	}
	return result{cmd.ProcessState.ExitCode(), out.String(), errs.String()}
}
