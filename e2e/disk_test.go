package e2e

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/seaworthyhq/seaworthy/internal/release"
)

// onSmallDisk puts the state root onto a file system of its own that holds this much, and returns its folder.
func (s *site) onSmallDisk(size string) string {
	s.t.Helper()
	image, dir := filepath.Join(s.tmp, "disk"), filepath.Join(s.tmp, "d")
	command(s.t, "truncate", "-s", size, image)
	command(s.t, "mkfs.ext4", "-q", "-m", "0", image)
	if err := os.Mkdir(dir, 0o755); err != nil {
		s.t.Fatal(err)
	}
	command(s.t, "mount", "-o", "loop", image, dir)
	s.root = filepath.Join(dir, "r")
	// Before the site itself is cleaned: nothing of it may hold the disk then.
	s.t.Cleanup(func() {
		s.takeDown()
		s.root = filepath.Join(s.tmp, "none")
		if out, err := exec.Command("umount", dir).CombinedOutput(); err != nil {
			s.t.Errorf("umount: %v\n%s", err, out)
			_ = syscall.Unmount(dir, syscall.MNT_DETACH)
		}
	})
	return dir
}

// fill takes all the space that is left in dir, and returns what gives it back.
func fill(t *testing.T, dir string) (free func()) {
	t.Helper()
	path := filepath.Join(dir, "filler")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for block := make([]byte, 1<<20); len(block) > 0; {
		if _, err := f.Write(block); errors.Is(err, syscall.ENOSPC) {
			block = block[:len(block)/2]
		} else if err != nil {
			t.Fatal(err)
		}
	}
	return func() {
		if err := os.Remove(path); err != nil {
			t.Error(err)
		}
	}
}

func TestAFullDisk(t *testing.T) {
	t.Parallel()
	s := newSite(t, shop)
	disk := s.onSmallDisk("400M")
	s.up(0)
	engine := s.engine().PID
	end := s.load("version")
	free := fill(t, disk)

	t.Log("the build finds no space")
	s.edit("Dockerfile", "echo one", "dd if=/dev/urandom of=/www/big bs=1M count=8 && echo two")
	s.refused(10, []string{"up"}, "the disk of the state root "+s.root+" is full", "no space left on device", "seaworthy gc")
	s.answers("one")

	t.Log("the engine lives on, and what needs no space works")
	if now := s.engine().PID; now != engine {
		t.Errorf("engine %d runs, not %d", now, engine)
	}
	s.run(0, "status")
	s.run(0, "history")
	s.run(0, "logs")

	t.Log("a rollout finds no space")
	s.refused(10, []string{"scale", "shop=3"}, "the disk of the state root "+s.root+" is full", "seaworthy gc")
	s.answers("one")
	s.whole(2)

	t.Log("a next engine starts and adopts")
	s.killEngine()
	s.refused(10, []string{"up"}, "the disk of the state root "+s.root+" is full")
	s.answers("one")

	t.Log("gc works on a full disk")
	s.run(0, "gc", "--all")
	s.answers("one")

	free()
	s.up(0)
	s.answers("two")
	s.whole(2)
	s.noneFailed(end)
	for _, d := range s.deployments() {
		if d.Result == release.Running {
			t.Errorf("%s has no end", d.Name())
		}
	}
}
