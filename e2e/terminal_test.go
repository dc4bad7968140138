package e2e

import (
	"fmt"
	"os"
	"os/exec"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// terminal is a person before a command.
type terminal struct {
	*session
	person  *os.File
	program *os.File
}

// openTerminal starts a command on a terminal of 20 lines and 60 columns.
func openTerminal(t *testing.T, cmd *exec.Cmd) *terminal {
	t.Helper()
	person, err := os.OpenFile("/dev/ptmx", os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	number, err := unix.IoctlGetInt(int(person.Fd()), unix.TIOCGPTN)
	if err != nil {
		t.Fatal(err)
	}
	if err := unix.IoctlSetPointerInt(int(person.Fd()), unix.TIOCSPTLCK, 0); err != nil {
		t.Fatal(err)
	}
	program, err := os.OpenFile(fmt.Sprintf("/dev/pts/%d", number), os.O_RDWR|syscall.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	cmd.Stdin, cmd.Stdout, cmd.Stderr = program, program, program
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	t.Cleanup(func() {
		program.Close()
		person.Close()
	})
	term := &terminal{session: &session{t: t, cmd: cmd, done: make(chan struct{})}, person: person, program: program}
	term.resize(20, 60)
	term.begin()
	go func() { // ends with the terminal
		buf := make([]byte, 4096)
		for {
			n, err := person.Read(buf)
			_, _ = term.out.Write(buf[:n])
			if err != nil {
				return
			}
		}
	}()
	return term
}

func (term *terminal) types(text string) {
	term.t.Helper()
	if _, err := term.person.WriteString(text); err != nil {
		term.t.Fatal(err)
	}
}

func (term *terminal) resize(rows, columns uint16) {
	term.t.Helper()
	if err := unix.IoctlSetWinsize(int(term.person.Fd()), unix.TIOCSWINSZ, &unix.Winsize{Row: rows, Col: columns}); err != nil {
		term.t.Fatal(err)
	}
}

// raw reports whether the terminal hands on what is typed as it is.
func (term *terminal) raw() bool {
	term.t.Helper()
	state, err := unix.IoctlGetTermios(int(term.program.Fd()), unix.TCGETS)
	if err != nil {
		term.t.Fatal(err)
	}
	return state.Lflag&(unix.ICANON|unix.ECHO|unix.ISIG) == 0
}
