package store

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/containerd/log"
	"golang.org/x/sys/unix"

	"github.com/seaworthyhq/seaworthy/internal/atomicfile"
)

// rest is how long nothing is written until the disk is made to catch up. Sooner, it would write what the next step of a build
// removes; much later, the kernel has done it by itself.
const rest = 10 * time.Second

// seal says of an index whether it is whole on the disk, so that the index itself can be written without waiting for the disk:
// a build of one changed line is two hundred transactions, and each would wait twice.
//
// A process that is killed loses nothing by that, since the kernel has what it wrote. A machine that goes down may leave
// what was written last torn. The seal is broken, and waited for, before the first write, and mended when the index has come to
// rest and all of it is on the disk. So whoever finds a seal that another boot of the machine broke knows not to trust the index.
type seal struct {
	dir  string // of the seal and of all that it speaks for
	boot string

	mu     sync.Mutex
	id     string // of the index; empty until there is one to speak for
	broken bool
	over   bool   // it is another's to write
	holds  int    // writes that go on
	taken  uint64 // writes that there have been
	mend   *time.Timer
}

// mark is what a seal is on the disk.
type mark struct {
	Index string `json:"index"`
	Boot  string `json:"boot,omitempty"` // of the machine, in which the seal was broken; empty: it is whole
}

// markSize is how long a mark always is, in bytes, filled up with spaces.
const markSize = 256

// openSeal reads the seal of a directory, and breaks it. Where there is none to be trusted, it has no id.
func openSeal(dir string) (*seal, error) {
	boot, err := bootID()
	if err != nil {
		return nil, fmt.Errorf("ask for the boot: %w", err)
	}
	s := &seal{dir: dir, boot: boot}
	s.mend = time.AfterFunc(rest, s.settle)
	b, err := os.ReadFile(s.path())
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	var found mark
	_ = json.Unmarshal(b, &found) // what makes no sense speaks for no index
	if found.Index == "" || found.Boot != "" && found.Boot != boot {
		return s, nil
	}
	if found.Boot == boot {
		s.id, s.broken = found.Index, true
		return s, nil
	}
	return s, s.begin(found.Index)
}

// bootID names the time since the machine started last: random(4).
func bootID() (string, error) {
	b, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	return strings.TrimSpace(string(b)), err
}

// begin has the seal speak for an index.
func (s *seal) begin(index string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.id = index
	s.mend.Reset(rest)
	return s.write(true)
}

func (s *seal) path() string { return filepath.Join(s.dir, "index.json") }

// write is called with the lock held.
func (s *seal) write(broken bool) error {
	m := mark{Index: s.id}
	if broken {
		m.Boot = s.boot
	}
	b, err := json.Marshal(m)
	if err != nil {
		return err
	}
	if err := overwrite(s.path(), fmt.Appendf(nil, "%-*s\n", markSize-1, b)); err != nil {
		return fmt.Errorf("write seal: %w", err)
	}
	s.broken = broken
	return nil
}

// overwrite writes a file of less than a sector in its place, which is whole or not at all, and works on a full disk, too: an
// engine that does not start could not make room.
func overwrite(path string, b []byte) error {
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	if errors.Is(err, fs.ErrNotExist) {
		return atomicfile.Write(path, b, 0o600)
	}
	if err != nil {
		return err
	}
	_, err = f.WriteAt(b, 0)
	return errors.Join(err, f.Sync(), f.Close())
}

// hold breaks the seal until some time after release was called.
func (s *seal) hold() (release func(), err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.id != "" && !s.broken {
		if err := s.write(true); err != nil {
			return nil, fmt.Errorf("break seal: %w", err)
		}
	}
	s.holds++
	s.taken++
	return s.release, nil
}

func (s *seal) release() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.holds--
	s.mend.Reset(rest)
}

// settle mends the seal of an index that has come to rest.
func (s *seal) settle() {
	s.mu.Lock()
	taken, wanted := s.taken, s.mendable()
	s.mu.Unlock()
	if !wanted {
		return
	}
	err := s.sync()
	s.mu.Lock()
	defer s.mu.Unlock()
	if err == nil && s.taken == taken && s.mendable() {
		err = s.write(false)
	}
	if err != nil {
		log.L.WithError(err).Warn("the index could not be sealed: if the machine goes down now, it will be laid out anew")
	}
}

// mendable is asked with the lock held.
func (s *seal) mendable() bool { return s.id != "" && s.broken && !s.over && s.holds == 0 }

// sync has everything on the file system reach the disk: files of snapshots are not waited for when they are written.
func (s *seal) sync() error {
	dir, err := os.Open(s.dir)
	if err != nil {
		return err
	}
	defer dir.Close()
	return unix.Syncfs(int(dir.Fd()))
}

// close mends the seal of an index that nobody writes to any more, unless that could not be closed.
func (s *seal) close(whole bool) error {
	s.mend.Stop()
	s.mu.Lock()
	defer s.mu.Unlock()
	defer func() { s.over = true }()
	if !whole || !s.mendable() {
		return nil
	}
	if err := s.sync(); err != nil {
		return fmt.Errorf("seal index: %w", err)
	}
	return s.write(false)
}
