package aide

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"os/signal"

	"golang.org/x/sys/unix"
)

// runInit runs argv as a child, hands signals on to it, reaps whatever is orphaned to it as process 1, and ends as the child
// did.
func runInit(argv []string) (code int, err error) {
	if len(argv) == 0 {
		return 0, errors.New("nothing to run")
	}
	stayLean()
	path, err := exec.LookPath(argv[0])
	switch {
	case errors.Is(err, fs.ErrPermission), errors.Is(err, unix.EISDIR):
		return 126, err
	case err != nil:
		return 127, err
	}
	signals := make(chan os.Signal, 32)
	signal.Notify(signals)
	child, err := os.StartProcess(path, argv, &os.ProcAttr{
		Env:   os.Environ(),
		Files: []*os.File{os.Stdin, os.Stdout, os.Stderr},
		Sys:   groupOfItsOwn(),
	})
	if err != nil {
		return 126, err
	}
	for s := range signals {
		sig, ok := s.(unix.Signal)
		if !ok || sig == unix.SIGURG { // the Go runtime's own
			continue
		}
		if sig != unix.SIGCHLD {
			_ = unix.Kill(child.Pid, sig) // it may have gone; then SIGCHLD follows
			continue
		}
		if status, ended := reapAll(child.Pid); ended {
			return exitCode(status), nil
		}
	}
	return 0, fmt.Errorf("signals ended")
}

// groupOfItsOwn has what is typed at a terminal interrupt the child directly, and not a second time through runInit.
func groupOfItsOwn() *unix.SysProcAttr {
	stdin := int(os.Stdin.Fd())
	_, err := unix.IoctlGetInt(stdin, unix.TIOCGPGRP)
	return &unix.SysProcAttr{Setpgid: true, Foreground: err == nil, Ctty: stdin}
}

// reapAll takes all children that have ended, and tells whether the one that matters is among them.
func reapAll(pid int) (status unix.WaitStatus, ended bool) {
	for {
		var ws unix.WaitStatus
		got, err := unix.Wait4(-1, &ws, unix.WNOHANG, nil)
		if errors.Is(err, unix.EINTR) {
			continue
		}
		if err != nil || got <= 0 {
			return status, ended
		}
		if got == pid {
			status, ended = ws, true
		}
	}
}

// exitCode is what a shell reports of that end.
func exitCode(status unix.WaitStatus) int {
	if status.Signaled() {
		return 128 + int(status.Signal())
	}
	return status.ExitStatus()
}
