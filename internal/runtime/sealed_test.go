package runtime

import (
	"io"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"
)

func TestSealedProgramIsCopiedOnceUntilItIsReplaced(t *testing.T) {
	path := filepath.Join(t.TempDir(), "program")
	install := func(content string) {
		t.Helper()
		if err := os.WriteFile(path+".new", []byte(content), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(path+".new", path); err != nil {
			t.Fatal(err)
		}
	}
	install("one")
	s := &sealedProgram{path: path}
	open := func() *os.File {
		t.Helper()
		f, err := s.open()
		if err != nil {
			t.Fatal(err)
		}
		return f
	}

	first := open()
	if again := open(); again != first {
		t.Error("it was copied twice")
	}
	if _, err := first.WriteAt([]byte("x"), 0); err == nil {
		t.Error("the copy can be written to")
	}
	if seals, err := unix.FcntlInt(first.Fd(), unix.F_GET_SEALS, 0); err != nil || seals != unix.F_SEAL_SEAL|unix.F_SEAL_SHRINK|unix.F_SEAL_GROW|unix.F_SEAL_WRITE {
		t.Errorf("seals %x, %v: crun wants all four and no other", seals, err)
	}
	install("two")
	if content, err := io.ReadAll(io.NewSectionReader(open(), 0, 10)); err != nil || string(content) != "two" {
		t.Errorf("after it was replaced the copy holds %q, %v", content, err)
	}
}
