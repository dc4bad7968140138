package engine

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/seaworthyhq/seaworthy/internal/release"
)

func TestUnitNamesTheSettings(t *testing.T) {
	path, err := WriteUnit(t.TempDir(), "/usr/local/bin/seaworthy", "/var/lib/seaworthy", "/etc/sea/engine.yaml")
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if want := "ExecStart=/usr/local/bin/seaworthy engine run --config /etc/sea/engine.yaml --root /var/lib/seaworthy\n"; !strings.Contains(string(text), want) {
		t.Errorf("unit lacks %q:\n%s", want, text)
	}
}

func TestUnitTakesPathsAsTheyAre(t *testing.T) {
	for path, want := range map[string][2]string{ // as the program, and as an argument
		"/srv/sea worthy":    {`"/srv/sea worthy"`, `"/srv/sea worthy"`},
		"/srv/100%":          {`/srv/100%%`, `/srv/100%%`},
		"/srv/$HOME":         {`/srv/$HOME`, `/srv/$$HOME`},
		`/srv/a"b\c`:         {`"/srv/a\"b\\c"`, `"/srv/a\"b\\c"`},
		"/srv/it's":          {`"/srv/it's"`, `"/srv/it's"`},
		"/srv/two\nlines":    {`"/srv/two\nlines"`, `"/srv/two\nlines"`},
		"/srv/größe":         {`/srv/größe`, `/srv/größe`},
		"/var/lib/seaworthy": {`/var/lib/seaworthy`, `/var/lib/seaworthy`},
	} {
		dir := t.TempDir()
		unit, err := WriteUnit(dir, path, path, path)
		if err != nil {
			t.Fatal(err)
		}
		text, err := os.ReadFile(unit)
		if err != nil {
			t.Fatal(err)
		}
		line := "ExecStart=" + want[0] + " engine run --config " + want[1] + " --root " + want[1] + "\n"
		if mounts := "RequiresMountsFor=" + want[0] + "\n"; !strings.Contains(string(text), mounts) {
			t.Errorf("unit lacks %q:\n%s", mounts, text)
		}
		if !strings.Contains(string(text), line) {
			t.Errorf("unit lacks %q:\n%s", line, text)
		}
		if !installed([]string{dir}, path) {
			t.Errorf("%s is not found in it", path)
		}
	}
}

func TestSettingsThatWereNamedHaveToBeThere(t *testing.T) {
	path := filepath.Join(t.TempDir(), "engine.yaml")
	if _, err := LoadSettings(path); release.KindOf(err) != release.KindUsage {
		t.Errorf("without the file: %v", err)
	}
	if err := os.WriteFile(path, []byte("keepReleases: 3\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	if s, err := LoadSettings(path); err != nil || s.KeepReleases != 3 {
		t.Errorf("with it: %+v, %v", s, err)
	}
}

func TestUnitKeepsReplicasWhenTheEngineEnds(t *testing.T) {
	dir := t.TempDir()
	path, err := WriteUnit(dir, "/usr/local/bin/seaworthy", "/var/lib/seaworthy", "")
	if err != nil {
		t.Fatal(err)
	}
	if want := filepath.Join(dir, "seaworthy.service"); path != want {
		t.Errorf("unit is %s, want %s", path, want)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	section := ""
	got := map[string]bool{}
	for line := range strings.Lines(string(text)) {
		line = strings.TrimSpace(line)
		if strings.HasPrefix(line, "[") {
			section = line
		}
		got[section+line] = true
	}
	for _, want := range []string{
		"[Service]ExecStart=/usr/local/bin/seaworthy engine run --root /var/lib/seaworthy",
		"[Unit]RequiresMountsFor=/var/lib/seaworthy", // a disk of its own is there first
		"[Service]Type=notify",                // started is what answers
		"[Service]KillMode=process",           // replicas and edge outlive it
		"[Service]Delegate=yes",               // systemd takes no controller away from the cgroups of replicas
		"[Service]Restart=on-failure",         // back when killed, but not when told to stop
		"[Install]WantedBy=multi-user.target", // and with the machine
	} {
		if !got[want] {
			t.Errorf("unit lacks %q:\n%s", want, text)
		}
	}
}
