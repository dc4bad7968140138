package cli

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/seaworthyhq/seaworthy/internal/api"
	"github.com/seaworthyhq/seaworthy/internal/release"
)

func TestAnInstalledEngineIsStartedBySystemd(t *testing.T) {
	dir := t.TempDir()
	systemctl := "#!/bin/sh\necho \"$@\" > " + dir + "/told\necho no such disk\nexit 1\n"
	if err := os.WriteFile(filepath.Join(dir, "systemctl"), []byte(systemctl), 0o755); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", dir)
	a := &app{root: filepath.Join(dir, "root")}
	a.engineParts = Engine{UnitName: "sea.service", Installed: func(root string) bool { return root == a.root }}

	err := a.startOnce(t.Context(), api.NewClient(a.root))
	user, ok := errors.AsType[*release.UserError](err)
	if !ok || !strings.Contains(user.Detail, "no such disk") || !strings.Contains(user.Hint, "journalctl -u sea.service") {
		t.Errorf("it did not start: %+v", err)
	}
	if told, _ := os.ReadFile(filepath.Join(dir, "told")); string(told) != "start sea.service\n" {
		t.Errorf("systemd was told: %q", told)
	}
	if _, err := os.Stat(a.root); err == nil {
		t.Error("another engine was started beside it")
	}
}

// systemd starts the unit as it is written: the settings of the shell do not reach it.
func TestAnInstalledEngineDoesNotTakeTheSettingsOfTheShell(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "systemctl"), []byte("#!/bin/sh\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", dir)
	for name, warned := range map[string]bool{"": false, "units.yaml": false, "other.yaml": true} {
		var said bytes.Buffer
		a := &app{root: dir, err: &said}
		a.engineParts = Engine{InstalledWith: func(root, settings string) bool {
			return root == dir && settings == filepath.Join(dir, "units.yaml")
		}}
		settings := ""
		if name != "" {
			settings = filepath.Join(dir, name)
		}
		t.Setenv("SEAWORTHY_CONFIG", settings)
		if err := a.startInstalled(t.Context(), "start"); err != nil {
			t.Fatal(err)
		}
		if got := strings.Contains(said.String(), "is not used: systemd starts the engine"); got != warned {
			t.Errorf("with %q it says %q", settings, said.String())
		}
	}
}

// A service of systemd ends with all that it has started, where that has not gone elsewhere.
func TestAnEngineOutlivesTheServiceThatStartedIt(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "systemd-run"), []byte("#!/bin/sh\necho \"$@\" > "+dir+"/told\nexit 1\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", dir)
	a := &app{root: filepath.Join(dir, "root")}
	a.engineParts = Engine{Installed: func(string) bool { return false }, SystemdRuns: func() bool { return true }}

	if err := a.startOnce(t.Context(), api.NewClient(a.root)); err == nil {
		t.Error("it started")
	}
	told, _ := os.ReadFile(filepath.Join(dir, "told"))
	if binary, _ := os.Executable(); !strings.Contains(string(told), "--scope -- "+binary+" engine run --root "+a.root) {
		t.Errorf("systemd was told: %q", told)
	}
}
