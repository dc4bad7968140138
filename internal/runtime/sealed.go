package runtime

import (
	"errors"
	"fmt"
	"io"
	"os"
	"sync"

	"golang.org/x/sys/unix"
)

// sealedProgram is a program in memory that nobody can change. crun copies itself into one each time that it is run, so that no
// container can write to the program it came from, unless it is run from one already
// (https://github.com/containers/crun/blob/main/src/libcrun/cloned_binary.c): that saves it 2 ms.
type sealedProgram struct {
	path string

	mu   sync.Mutex  // guards what is below
	of   os.FileInfo // of the file that was copied
	copy *os.File
}

// open returns the copy, a new one where the program has been replaced meanwhile. It is the caller's only to pass on.
func (s *sealedProgram) open() (*os.File, error) {
	info, err := os.Stat(s.path)
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.copy != nil && os.SameFile(s.of, info) && s.of.ModTime().Equal(info.ModTime()) && s.of.Size() == info.Size() {
		return s.copy, nil
	}
	fresh, err := seal(s.path)
	if err != nil {
		return nil, fmt.Errorf("copy %s into memory: %w", s.path, err)
	}
	s.of, s.copy = info, fresh // what the former stands for is closed with the last process that runs it
	return fresh, nil
}

func seal(path string) (_ *os.File, err error) {
	fd, err := unix.MemfdCreate("crun", unix.MFD_CLOEXEC|unix.MFD_ALLOW_SEALING|unix.MFD_EXEC)
	if errors.Is(err, unix.EINVAL) { // before Linux 6.3 each can be executed
		fd, err = unix.MemfdCreate("crun", unix.MFD_CLOEXEC|unix.MFD_ALLOW_SEALING)
	}
	if err != nil {
		return nil, err
	}
	to := os.NewFile(uintptr(fd), path)
	defer func() {
		if err != nil {
			_ = to.Close() // already failing
		}
	}()
	from, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer from.Close()
	if _, err := io.Copy(to, from); err != nil {
		return nil, err
	}
	const all = unix.F_SEAL_SEAL | unix.F_SEAL_SHRINK | unix.F_SEAL_GROW | unix.F_SEAL_WRITE
	if _, err := unix.FcntlInt(to.Fd(), unix.F_ADD_SEALS, all); err != nil {
		return nil, err
	}
	return to, nil
}
