package server

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/seaworthyhq/seaworthy/internal/edge"
	"github.com/seaworthyhq/seaworthy/internal/release"
)

const (
	routesFile = "routes.json"
	lockFile   = "edge.lock"
)

// readRoutes is what was applied last; none if nothing ever was.
func readRoutes(dir string) (edge.Routes, error) {
	var r edge.Routes
	b, err := os.ReadFile(filepath.Join(dir, routesFile))
	if errors.Is(err, os.ErrNotExist) {
		return r, nil
	}
	if err != nil {
		return r, fmt.Errorf("read routes: %w", err)
	}
	if err := json.Unmarshal(b, &r); err != nil {
		return edge.Routes{}, fmt.Errorf("read routes: %w", err)
	}
	return r, r.Validate()
}

// writeRoutes leaves the old file or the new one, whatever happens.
func writeRoutes(dir string, r edge.Routes) error {
	b, err := json.Marshal(r)
	if err != nil {
		return fmt.Errorf("write routes: %w", err)
	}
	if err := replaceFile(filepath.Join(dir, routesFile), append(b, '\n')); err != nil {
		return fmt.Errorf("write routes: %w", err)
	}
	return nil
}

func replaceFile(path string, content []byte) error {
	f, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+"-*")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name()) // it is gone once renamed
	_, err = f.Write(content)
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	if err := os.Rename(f.Name(), path); err != nil {
		return err
	}
	d, err := os.Open(filepath.Dir(path))
	if err != nil {
		return err
	}
	defer d.Close()
	return d.Sync()
}

// lockWait is how long the lock of an edge that is just ending is waited for.
const lockWait = time.Second

// lock makes this the only edge of the folder. The lock belongs to the open file, so a successor that is passed the file
// has it too.
func lock(dir string) (*os.File, error) {
	f, err := os.OpenFile(filepath.Join(dir, lockFile), os.O_CREATE|os.O_RDWR|unix.O_CLOEXEC, 0o600)
	if err != nil {
		return nil, fmt.Errorf("lock %s: %w", dir, err)
	}
	for deadline := time.Now().Add(lockWait); ; time.Sleep(10 * time.Millisecond) {
		err = unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB)
		if err == nil {
			return f, writeHolder(f)
		}
		if time.Now().After(deadline) {
			break
		}
	}
	defer f.Close()
	holder, _ := os.ReadFile(f.Name())
	return nil, &release.UserError{
		Kind: release.KindConflict,
		Err:  fmt.Errorf("lock %s: another edge has it (pid %s)", dir, strings.TrimSpace(string(holder))),
		Hint: "it holds the lock but does not answer; end that process, and the engine starts a new one",
	}
}

// writeHolder notes for people who has the lock.
func writeHolder(f *os.File) error {
	if err := f.Truncate(0); err != nil {
		return err
	}
	_, err := f.WriteAt(fmt.Appendf(nil, "%d\n", os.Getpid()), 0)
	return err
}
