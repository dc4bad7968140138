package engine

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"
)

// maxLog is how long the logs of engine and edge become, in bytes, before they are rotated; one earlier part is kept.
const maxLog = 10 << 20

// rotateLogs keeps the logs of engine and edge short until ctx ends. Both processes have them open to append, and nobody
// reopens them: so what they hold is copied, and they are cut.
func (e *Engine) rotateLogs(ctx context.Context) {
	tick := time.NewTicker(time.Minute)
	defer tick.Stop()
	for {
		for _, path := range []string{filepath.Join(e.cfg.Root, "engine.log"), e.launch.LogPath()} {
			if err := rotate(path, maxLog); err != nil {
				e.log.Error("rotate log", "path", path, "error", err)
			}
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// rotate moves what a log holds to path.1 if it is longer than limit. What is written in the moment between copy and cut is
// lost.
func rotate(path string, limit int64) error {
	info, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) || err == nil && info.Size() <= limit {
		return nil
	}
	if err != nil {
		return err
	}
	if err := copyFile(path, path+".1", 0o600); err != nil {
		return fmt.Errorf("keep earlier part: %w", err)
	}
	return os.Truncate(path, 0)
}

// copyFile makes a copy that is whole or not there.
func copyFile(from, to string, mode fs.FileMode) error {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	tmp := to + ".new"
	out, err := os.OpenFile(tmp, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, mode)
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
