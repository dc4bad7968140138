package cli

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"

	"github.com/seaworthyhq/seaworthy/internal/event"
	"github.com/seaworthyhq/seaworthy/internal/release"
	"github.com/seaworthyhq/seaworthy/internal/tui"
)

// installed reports whether systemd is who starts the engine of this state root.
func (a *app) installed() bool {
	root, err := filepath.Abs(a.root)
	return err == nil && a.engineParts.Installed(root)
}

// startInstalled has systemd start or restart the engine. It takes nothing from this process: where that was told of other settings
// than the unit, it says so.
func (a *app) startInstalled(ctx context.Context, verb string) error {
	settings := os.Getenv(namedSettings)
	if settings == "" || a.json {
		return a.systemctl(ctx, verb)
	}
	root, err := filepath.Abs(a.root)
	if err != nil {
		return err
	}
	if settings, err = filepath.Abs(settings); err != nil {
		return err
	}
	if !a.engineParts.InstalledWith(root, settings) {
		tui.Note(a.err, event.Message{
			Level: event.Warn, Text: fmt.Sprintf("%s=%s is not used: systemd starts the engine, with the settings of its unit", namedSettings, settings),
			Hint: "sudo seaworthy engine install --root " + root + " --config " + settings + " has the unit name them",
		})
	}
	return a.systemctl(ctx, verb)
}

// systemctl has systemd do that with the engine's unit.
func (a *app) systemctl(ctx context.Context, verb string) error {
	out, err := exec.CommandContext(ctx, "systemctl", verb, a.engineParts.UnitName).CombinedOutput()
	if err == nil {
		return nil
	}
	return &release.UserError{
		Kind: release.KindEngine, Err: fmt.Errorf("systemctl %s %s: %w", verb, a.engineParts.UnitName, err), Detail: string(out),
		Hint: "journalctl -u " + a.engineParts.UnitName + " says why",
	}
}
