package cli

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"sync/atomic"

	"github.com/seaworthyhq/seaworthy/internal/event"
	"github.com/seaworthyhq/seaworthy/internal/release"
)

// unitDirs is where systemd looks for units of the machine.
var unitDirs = []string{"/etc/systemd/system", "/run/systemd/system", "/usr/local/lib/systemd/system", "/usr/lib/systemd/system", "/lib/systemd/system"}

// watchedSink notes whether something was brought up.
type watchedSink struct {
	event.Sink
	deployed atomic.Bool
}

// Emit passes the event on.
func (w *watchedSink) Emit(e event.Event) {
	if d := e.Deployment; d != nil && d.Result == release.Succeeded && d.Cause != release.CauseDown {
		w.deployed.Store(true)
	}
	w.Sink.Emit(e)
}

// warnUnattended says that what was brought up goes with the machine, where nothing starts an engine with it. It is said by
// the call that had to start one: once after each restart, and not at every update.
func (a *app) warnUnattended(sink event.Sink) {
	root, err := filepath.Abs(a.root)
	if err != nil || installed(unitDirs, a.engineParts.UnitName, root) {
		return
	}
	hint := "sudo seaworthy engine install"
	if root != DefaultRoot {
		hint += " --root " + root
	}
	if _, err := os.Stat("/run/systemd/system"); errors.Is(err, fs.ErrNotExist) {
		hint = "no systemd runs here: have the machine start seaworthy engine run --root " + root
	}
	sink.Emit(event.Event{Type: event.TypeMessage, Message: &event.Message{
		Level: event.Warn, Text: "the engine is not installed: after a restart of the machine nothing brings this back", Hint: hint,
	}})
}

// installed says whether one of the directories has the unit, for this state root.
func installed(dirs []string, unit, root string) bool {
	for _, dir := range dirs {
		content, err := os.ReadFile(filepath.Join(dir, unit))
		if err == nil && bytes.Contains(content, []byte(" --root "+root+"\n")) {
			return true
		}
	}
	return false
}
