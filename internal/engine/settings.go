package engine

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"net/netip"

	"github.com/goccy/go-yaml"
	"golang.org/x/sys/unix"

	"github.com/seaworthyhq/seaworthy/internal/build/worker"
	"github.com/seaworthyhq/seaworthy/internal/plainfile"
	"github.com/seaworthyhq/seaworthy/internal/release"
)

// SettingsPath is where the engine's settings are looked for unless another file is named; without it the defaults hold.
const SettingsPath = "/etc/seaworthy/engine.yaml"

// Settings are the engine's own, as opposed to a project's (docs/engine.md).
type Settings struct {
	// Mirrors has, by registry, the URLs or folders (OCI image layouts) that are asked before it.
	Mirrors map[string][]string `yaml:"mirrors"`
	// HostDir is a folder as containerd's certs.d.
	HostDir string `yaml:"hostDir"`
	// KeepReleases is how many releases of an environment stay, to roll back to; 0: 5.
	KeepReleases int           `yaml:"keepReleases"`
	Build        BuildSettings `yaml:"build"`
	// Runtime is the OCI runtime that replicas are run with, runc or crun. Empty: crun where it is installed, else runc.
	Runtime string `yaml:"runtime"`
	// Group is whose members may use the engine, besides root; a name or a number. Empty: seaworthy, if there is one.
	Group string `yaml:"group"`
	// TrustedProxies are whose word is taken for whom they ask: proxies in front of published ports.
	TrustedProxies []netip.Prefix `yaml:"trustedProxies"`
}

// BuildSettings limit what builds may take.
type BuildSettings struct {
	MemoryBytes int64   `yaml:"memoryBytes"` // of all together; 0: three quarters of the machine's; less: no limit
	CPUs        float64 `yaml:"cpus"`        // of all together; 0: no limit
	PIDs        int64   `yaml:"pids"`        // of each RUN; 0: 4096, what a replica has; less: no limit
}

// limits are the settings as the builder takes them. Without a limit of memory or processes, one RUN could take all of the
// machine's, and what serves would stand still.
func (b BuildSettings) limits() (worker.Limits, error) {
	l := worker.Limits{MemoryBytes: max(b.MemoryBytes, 0), CPUs: b.CPUs, PIDs: max(cmp.Or(b.PIDs, 4096), 0)}
	if b.MemoryBytes != 0 {
		return l, nil
	}
	var info unix.Sysinfo_t
	if err := unix.Sysinfo(&info); err != nil {
		return l, fmt.Errorf("measure memory: %w", err)
	}
	l.MemoryBytes = int64(info.Totalram) * int64(info.Unit) / 4 * 3
	return l, nil
}

// LoadSettings reads the settings at path, which has to be there. Without a path it is SettingsPath, which need not.
func LoadSettings(path string) (Settings, error) {
	s := Settings{KeepReleases: 5}
	named := path != ""
	path = cmp.Or(path, SettingsPath)
	raw, err := plainfile.Read(path)
	switch {
	case errors.Is(err, fs.ErrNotExist) && !named:
		return s, nil
	case err != nil:
		return s, &release.UserError{
			Kind: release.KindUsage, Err: fmt.Errorf("read settings: %w", err),
			Hint: "--config and SEAWORTHY_CONFIG name the file; without them it is " + SettingsPath,
		}
	}
	if err := yaml.UnmarshalWithOptions(raw, &s, yaml.Strict()); err != nil {
		return s, &release.UserError{
			Kind: release.KindUsage, Err: fmt.Errorf("read settings %s: %w", path, errors.New(yaml.FormatError(err, false, true))),
			Hint: "docs/engine.md lists the settings",
		}
	}
	if s.KeepReleases <= 0 {
		s.KeepReleases = 5
	}
	return s, nil
}
