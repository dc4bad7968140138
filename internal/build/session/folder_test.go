package session

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"testing"

	"golang.org/x/sys/unix"
)

func TestAFileThatCannotBeReadIsNotEmpty(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("root alone can be somebody else for a moment")
	}
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "private"), []byte("content"), 0o600); err != nil {
		t.Fatal(err)
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
	r, err := f.Open("private")
	if err != nil {
		t.Fatalf("open: %v, which is sent as an empty file", err)
	}
	if content, err := io.ReadAll(r); !errors.Is(err, fs.ErrPermission) {
		t.Errorf("read %q, %v", content, err)
	}
}
