package aide

import (
	"errors"
	"fmt"
	"os"
	"os/exec"

	"golang.org/x/sys/unix"
)

// keepStdinOpen becomes argv with a standard input on which nothing ever comes and which never ends: nobody is attached, but
// the service asked for it to be open. The process holds the other end itself, so that it needs no one.
func keepStdinOpen(argv []string) (code int, err error) {
	if len(argv) == 0 {
		return 0, errors.New("nothing to run")
	}
	path, err := exec.LookPath(argv[0])
	if err != nil {
		return 127, err
	}
	var ends [2]int
	if err := unix.Pipe2(ends[:], 0); err != nil { // not O_CLOEXEC: both go on
		return 1, fmt.Errorf("make standard input: %w", err)
	}
	if err := unix.Dup3(ends[0], 0, 0); err != nil {
		return 1, fmt.Errorf("make standard input: %w", err)
	}
	if err := unix.Close(ends[0]); err != nil {
		return 1, fmt.Errorf("make standard input: %w", err)
	}
	return 126, unix.Exec(path, argv, os.Environ())
}
