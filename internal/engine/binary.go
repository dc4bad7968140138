package engine

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// keepBinary copies the running binary to a place of its own, so that the edge goes on when Seaworthy is replaced. Copies
// have the name of what they are a copy of: size and time of change, which is all that tells builds of one version apart.
func (e *Engine) keepBinary() (string, error) {
	info, err := os.Stat(e.cfg.Binary)
	if err != nil {
		return "", fmt.Errorf("find own binary: %w", err)
	}
	tag := fmt.Sprintf("%s-%x-%x", strings.ReplaceAll(e.cfg.Version, "/", "-"), info.Size(), info.ModTime().UnixNano())
	dir := filepath.Join(e.cfg.Root, "bin", "edge-"+tag)
	path := filepath.Join(dir, "seaworthy")
	if _, err := os.Stat(path); err == nil || !errors.Is(err, fs.ErrNotExist) {
		return path, err
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", fmt.Errorf("keep own binary: %w", err)
	}
	if err := copyFile(e.cfg.Binary, path, 0o755); err != nil {
		return "", fmt.Errorf("keep own binary: %w", err)
	}
	return path, nil
}

// dropBinaries removes the copies that no edge is started from any more. One that still hands over runs on without its file.
func (e *Engine) dropBinaries(kept string) error {
	all, err := filepath.Glob(filepath.Join(e.cfg.Root, "bin", "edge-*"))
	if err != nil {
		return err
	}
	for _, dir := range all {
		if dir == filepath.Dir(kept) {
			continue
		}
		if err := os.RemoveAll(dir); err != nil {
			return fmt.Errorf("remove binary of an earlier version: %w", err)
		}
	}
	return nil
}
