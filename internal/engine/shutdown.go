package engine

import (
	"context"
	"os/exec"
	"strings"
)

// stopWithMachine stops what runs where the engine ends because the machine goes down; else all goes on without it.
func (e *Engine) stopWithMachine(ctx context.Context) error {
	if e.machine == nil || !machineStops(ctx) {
		return nil
	}
	e.log.Info("the machine goes down: stopping what runs")
	return e.machine.ShutDown(ctx)
}

// machineStops reports whether systemd is taking the machine down. Where there is no systemd, nobody says so.
func machineStops(ctx context.Context) bool {
	said, _ := exec.CommandContext(ctx, "systemctl", "is-system-running").Output() // its exit code says only that not all is well
	return strings.TrimSpace(string(said)) == "stopping"
}
