package engine

import (
	"fmt"
	"path/filepath"

	"github.com/seaworthyhq/seaworthy/internal/release"
)

// checkMounts refuses mounts of the host that would hand over the engine: of its state root, what is in it, or what it is in.
func (e *Engine) checkMounts(config release.Config) error {
	root := realPath(e.cfg.Root)
	for _, s := range config.Services {
		for _, m := range s.Mounts {
			if m.Kind != release.MountBind {
				continue
			}
			source := realPath(m.Source)
			if isBelow(source, root) || isBelow(root, source) || isBelow(source, "/run/seaworthy") {
				return &release.UserError{
					Kind: release.KindProject, Err: fmt.Errorf("%s mounts %s, which would hand over the engine: its state root is %s", s.Name, m.Source, e.cfg.Root),
					Hint: "mount something else, or use a named volume",
				}
			}
		}
	}
	return nil
}

// realPath is where links lead to; a path that is not there stays as it is.
func realPath(path string) string {
	if resolved, err := filepath.EvalSymlinks(path); err == nil {
		return resolved
	}
	return filepath.Clean(path)
}

func isBelow(path, dir string) bool {
	rel, err := filepath.Rel(dir, path)
	return err == nil && filepath.IsLocal(rel)
}
