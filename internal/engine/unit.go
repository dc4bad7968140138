package engine

import (
	"fmt"
	"path/filepath"

	"github.com/seaworthyhq/seaworthy/internal/atomicfile"
)

// UnitName is the systemd unit's.
const UnitName = "seaworthy.service"

// KillMode=process: replicas and edge are in the unit's control group until they have their own, and must not die with it.
// Restart=on-failure: seaworthy engine stop ends the engine in order, and it stays stopped.
const unit = `[Unit]
Description=Seaworthy engine
Documentation=https://github.com/seaworthyhq/seaworthy
After=network-online.target
Wants=network-online.target

[Service]
ExecStart=%s engine run%s --root %s
Restart=on-failure
RestartSec=1
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
	if settings != "" {
		settings = " --config " + settings
	}
	path := filepath.Join(dir, UnitName)
	return path, atomicfile.Write(path, fmt.Appendf(nil, unit, binary, settings, root), 0o644)
}
