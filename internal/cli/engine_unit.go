package cli

import (
	"context"
	"fmt"
	"os/exec"
	"path/filepath"

	"github.com/seaworthyhq/seaworthy/internal/release"
)

// installed reports whether systemd is who starts the engine of this state root.
func (a *app) installed() bool {
	root, err := filepath.Abs(a.root)
	return err == nil && a.engineParts.Installed(root)
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
