package engine

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/dustin/go-humanize"
	"golang.org/x/sys/unix"

	"github.com/seaworthyhq/seaworthy/internal/event"
	"github.com/seaworthyhq/seaworthy/internal/release"
	"github.com/seaworthyhq/seaworthy/internal/state"
)

// reserved is the space, in bytes, for what has to be recorded on a full disk too: what serves, how a deployment ended, and
// what gc removes.
const reserved = 16 << 20

func (e *Engine) reservePath() string { return filepath.Join(e.cfg.Root, "reserve") }

// keepReserve takes the reserve, where the disk has the space and the file system can promise it.
func (e *Engine) keepReserve() {
	if err := reserve(e.reservePath()); err != nil {
		e.log.Warn("reserve space for gc", "error", err)
	}
}

func reserve(path string) error {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	err = errors.Join(unix.Fallocate(int(f.Fd()), 0, 0, reserved), f.Close())
	if err != nil {
		err = errors.Join(err, os.Remove(path))
	}
	return err
}

// spendReserve gives the reserve free, and returns what takes it again.
func (e *Engine) spendReserve() (restore func()) {
	_ = os.Remove(e.reservePath()) // there is none where it could not be taken
	return e.keepReserve
}

// write is a transaction that a full disk does not keep from being written, as long as there is a reserve.
func (e *Engine) write(change func(state.Tx) error) error {
	err := e.db.Update(change)
	if errors.Is(err, unix.ENOSPC) {
		defer e.spendReserve()()
		err = e.db.Update(change)
	}
	return err
}

// onDisk makes of a call's errors that a full disk has caused ones that say so.
func onDisk[Request any](e *Engine, call func(context.Context, Request, event.Sink) error) func(context.Context, Request, event.Sink) error {
	return func(ctx context.Context, req Request, sink event.Sink) error {
		return explainDisk(e.cfg.Root, call(ctx, req, sink))
	}
}

func explainDisk(root string, err error) error {
	if err == nil {
		return nil
	}
	var detail string
	if user, ok := errors.AsType[*release.UserError](err); ok {
		detail = user.Detail
	}
	var disk unix.Statfs_t
	if unix.Statfs(root, &disk) != nil || !lacksSpace(err, detail, disk) {
		return err
	}
	left := humanize.IBytes(disk.Bavail * uint64(disk.Bsize))
	return &release.UserError{
		Kind: release.KindEngine, Err: fmt.Errorf("the disk of the state root %s is full, %s are left: %w", root, left, err), Detail: detail,
		Hint: "seaworthy gc --all removes all that nothing needs; then run the same command again",
	}
}

// lacksSpace says whether the error is about this disk. What BuildKit says has lost its number, and a command of a build may
// have filled another disk than this one.
func lacksSpace(err error, detail string, disk unix.Statfs_t) bool {
	said := unix.ENOSPC.Error()
	if errors.Is(err, unix.ENOSPC) || strings.Contains(err.Error(), said) {
		return true
	}
	nearlyFull := disk.Bavail < disk.Blocks/20
	return nearlyFull && strings.Contains(strings.ToLower(detail), said)
}
