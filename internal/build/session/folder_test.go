package session

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

func TestAFileThatCannotBeReadIsNotSentAsAnEmptyOne(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("root alone can be somebody else for a moment")
	}
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "private"), []byte("content"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, d := range []string{dir, filepath.Dir(dir)} { // what is above is not the test's
		if err := os.Chmod(d, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	f, err := openFolder(dir)
	if err != nil {
		t.Fatal(err)
	}
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	if err := unix.Setfsuid(65534); err != nil {
		t.Fatal(err)
	}
	defer unix.Setfsuid(0)
	err = f.Walk(t.Context(), "/", func(_ string, e fs.DirEntry, err error) error {
		if err == nil {
			_, err = e.Info()
		}
		return err
	})
	if !errors.Is(err, fs.ErrPermission) || !strings.Contains(err.Error(), "private cannot be read") {
		t.Errorf("error %v", err)
	}
}

func TestAFileThatGoesWhileTheContextIsReadIsNoSilence(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"a", "b", "c"} {
		if err := os.WriteFile(filepath.Join(dir, name), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	f, err := openFolder(dir)
	if err != nil {
		t.Fatal(err)
	}
	const want = "b was removed while the build read it"
	err = f.Walk(t.Context(), "/", func(path string, e fs.DirEntry, _ error) error {
		if path == "a" {
			return os.Remove(filepath.Join(dir, "b"))
		}
		_, err := e.Info()
		return err
	})
	if err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("walk: %v", err)
	}
	var told error
	f.failed = func(err error) { told = err }
	if _, err := f.Open("b"); err == nil || told == nil || !strings.Contains(told.Error(), want) {
		t.Errorf("open: %v, told: %v", err, told)
	}
}
