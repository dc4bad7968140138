package engine

import (
	"bytes"
	"os"
	"path/filepath"

	"github.com/seaworthyhq/seaworthy/internal/event"
)

// unitDirs is where systemd looks for units of the machine.
var unitDirs = []string{"/etc/systemd/system", "/run/systemd/system", "/usr/local/lib/systemd/system", "/usr/lib/systemd/system", "/lib/systemd/system"}

// Installed reports whether systemd runs here and starts the engine of that state root.
func Installed(root string) bool { return SystemdRuns() && installed(unitDirs, root) }

// InstalledWith reports whether the unit of that state root names this file of settings.
func InstalledWith(root, settings string) bool { return installedWith(unitDirs, root, settings) }

// SystemdRuns reports whether systemd is this machine's first process.
func SystemdRuns() bool {
	_, err := os.Stat("/run/systemd/system") // sd_booted(3)
	return err == nil
}

// installed says whether one of the directories has the unit, for this state root.
func installed(dirs []string, root string) bool {
	return unitHas(dirs, " --root "+argument(root)+"\n")
}

func installedWith(dirs []string, root, settings string) bool {
	return unitHas(dirs, " "+command(root, settings)+"\n") || settings == SettingsPath && unitHas(dirs, " "+command(root, "")+"\n")
}

func unitHas(dirs []string, text string) bool {
	for _, dir := range dirs {
		content, err := os.ReadFile(filepath.Join(dir, UnitName))
		if err == nil && bytes.Contains(content, []byte(text)) {
			return true
		}
	}
	return false
}

// warnUnattended says, with the first deployment that an engine which was started on demand brings up, that nothing starts an
// engine with the machine: once after each restart of it, and not at every update.
func (e *Engine) warnUnattended(d deployment, sink event.Sink) {
	if !e.cfg.OnDemand || d.down || installed(unitDirs, e.cfg.Root) {
		return
	}
	e.unattended.Do(func() {
		where := " --root " + e.cfg.Root
		if e.cfg.File != "" {
			where += " --config " + e.cfg.File
		}
		hint := "sudo seaworthy engine install" + where
		if !SystemdRuns() {
			hint = "no systemd runs here: have the machine start seaworthy engine run" + where
		}
		sink.Emit(event.Event{Type: event.TypeMessage, Message: &event.Message{
			Level: event.Warn, Text: "the engine is not installed: after a restart of the machine nothing brings this back", Hint: hint,
		}})
	})
}
