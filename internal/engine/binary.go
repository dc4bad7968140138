package engine

import (
	"errors"
	"fmt"
	"io"
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
	if err := copyExecutable(e.cfg.Binary, path); err != nil {
		return "", fmt.Errorf("keep own binary: %w", err)
	}
	return path, nil
}

func copyExecutable(from, to string) error {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	tmp := to + ".new"
	out, err := os.OpenFile(tmp, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o755)
	if err != nil {
		return err
	}
	if _, err := io.Copy(out, in); err != nil {
		return errors.Join(err, out.Close())
	}
	if err := out.Close(); err != nil {
		return err
	}
	return os.Rename(tmp, to)
}
