package engine

import (
	"fmt"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/seaworthyhq/seaworthy/internal/atomicfile"
)

// UnitName is the systemd unit's.
const UnitName = "seaworthy.service"

// Type=notify: who starts the unit goes on when the engine answers, however long it takes to adopt what runs.
// KillMode=process: edge and shims are in the unit's control group, and must not die with the engine.
// Restart=on-failure: seaworthy engine stop ends the engine in order, and it stays stopped.
// TimeoutStopSec: before the machine goes down, the engine stops what runs, each with its stop_grace_period.
// Delegate=yes: systemd keeps all controllers at the top, where replicas have control groups of their own.
const unit = `[Unit]
Description=Seaworthy engine
Documentation=https://github.com/seaworthyhq/seaworthy
After=network-online.target
Wants=network-online.target
RequiresMountsFor=%s

[Service]
Type=notify
ExecStart=%s %s
Restart=on-failure
RestartSec=1
TimeoutStartSec=infinity
TimeoutStopSec=5min
KillMode=process
Delegate=yes
LimitNOFILE=1048576
TasksMax=infinity

[Install]
WantedBy=multi-user.target
`

// WriteUnit writes the systemd unit for this binary, a state root and, unless it is empty, a file of settings into dir. It
// returns the unit's path.
func WriteUnit(dir, binary, root, settings string) (string, error) {
	path := filepath.Join(dir, UnitName)
	return path, atomicfile.Write(path, fmt.Appendf(nil, unit, word(root), word(binary), command(root, settings)), 0o644)
}

// command is what the unit has the binary do.
func command(root, settings string) string {
	if settings != "" {
		settings = " --config " + argument(settings)
	}
	return "engine run" + settings + " --root " + argument(root)
}

// argument writes a word of a command line in which systemd puts no variable's value (systemd.service(5)).
func argument(s string) string { return word(strings.ReplaceAll(s, "$", "$$")) }

// word writes a path so that systemd takes it as it is: one word, and no specifiers (systemd.syntax(7), systemd.unit(5)).
func word(path string) string {
	path = strings.ReplaceAll(path, "%", "%%")
	if quoted := strconv.Quote(path); quoted != `"`+path+`"` || strings.ContainsAny(path, " '") {
		return quoted
	}
	return path
}
