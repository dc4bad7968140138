package store

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"

	"github.com/seaworthyhq/seaworthy/internal/release"
)

// lock is the exclusive hold on a state root. The kernel gives it free when its owner dies, whatever ended it.
type lock struct {
	file *os.File
}

// holder is what the lock file says of who holds it.
type holder struct {
	PID   int       `json:"pid"`
	Since time.Time `json:"since"`
}

// acquire locks root/lock, without waiting.
func acquire(root string) (*lock, error) {
	if err := os.MkdirAll(root, 0o711); err != nil {
		return nil, fmt.Errorf("make state root: %w", err)
	}
	path := filepath.Join(root, "lock")
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|unix.O_CLOEXEC, 0o644)
	if err != nil {
		return nil, fmt.Errorf("open lock: %w", err)
	}
	if err := unix.Flock(int(file.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		defer file.Close()
		if errors.Is(err, unix.EWOULDBLOCK) {
			return nil, held(root, file)
		}
		return nil, fmt.Errorf("lock %s: %w", path, err)
	}
	l := &lock{file: file}
	if err := l.sign(); err != nil {
		return nil, errors.Join(fmt.Errorf("write lock %s: %w", path, err), l.release())
	}
	return l, nil
}

func (l *lock) sign() error {
	line, err := json.Marshal(holder{PID: os.Getpid(), Since: time.Now().UTC().Truncate(time.Second)})
	if err != nil {
		return err
	}
	if err := l.file.Truncate(0); err != nil {
		return err
	}
	_, err = l.file.WriteAt(append(line, '\n'), 0)
	return err
}

func (l *lock) release() error { return l.file.Close() }

// held is the error for a root that another engine has locked. Who it is comes from the lock file and is only as good as
// what that engine got to write.
func held(root string, file *os.File) error {
	who := "another engine"
	var h holder
	if err := json.NewDecoder(file).Decode(&h); err == nil && h.PID != 0 {
		who = fmt.Sprintf("the engine with pid %d, since %s,", h.PID, h.Since.Local().Format(time.DateTime))
	}
	return &release.UserError{
		Kind: release.KindConflict,
		Err:  fmt.Errorf("%s holds the state root %s", who, root),
		Hint: "use that engine (seaworthy engine status), stop it (seaworthy engine stop), or give this one a root of its own (--root DIR)",
	}
}
