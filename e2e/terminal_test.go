package e2e

import (
	"fmt"
	"os"
	"os/exec"
	"strings"
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
	return openTerminalOf(t, cmd, 20, 60, func([]byte) {})
}

// openTerminalOf starts a command on a terminal of that size; all that it is sent is also given to watch, before it is in out.
func openTerminalOf(t *testing.T, cmd *exec.Cmd, rows, columns uint16, watch func([]byte)) *terminal {
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
	term.resize(rows, columns)
	read := make(chan struct{})
	term.begin(func() {
		_, _ = program.WriteString(endOfOutput) // a terminal that is gone has been read
		<-read
	})
	go func() {
		defer close(read)
		buf := make([]byte, 4096)
		for {
			n, err := person.Read(buf)
			text, ended := strings.CutSuffix(string(buf[:n]), endOfOutput)
			watch([]byte(text))
			_, _ = term.out.Write([]byte(text))
			if ended || err != nil {
				return
			}
		}
	}()
	return term
}

// endOfOutput is written to a terminal behind all that a command has: until it is read, some of that may be on its way.
const endOfOutput = "\x00"

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
