package cli

import (
	"errors"
	"fmt"
	"os"
	"os/signal"
	"sync"

	"golang.org/x/sys/unix"
	"golang.org/x/term"
)

// screen is the user's terminal while a command in a replica has it: what is typed goes there as it is.
type screen struct {
	width, height int
	sizes         <-chan [2]int // whenever they change
	close         func()        // gives the terminal back as it was
}

func openScreen(in, out any) (*screen, error) {
	keyboard, ok := in.(*os.File)
	display, same := out.(*os.File)
	if !ok || !same {
		return nil, errors.New("take terminal over: it is no file")
	}
	before, err := term.MakeRaw(int(keyboard.Fd()))
	if err != nil {
		return nil, fmt.Errorf("take terminal over: %w", err)
	}
	s := &screen{}
	s.width, s.height, _ = term.GetSize(int(display.Fd())) // 0: unknown
	changed := make(chan os.Signal, 1)
	signal.Notify(changed, unix.SIGWINCH)
	done := make(chan struct{})
	s.sizes = watchSize(int(display.Fd()), changed, done)
	s.close = sync.OnceFunc(func() {
		signal.Stop(changed)
		close(done)
		_ = term.Restore(int(keyboard.Fd()), before) // nothing more can be done
	})
	return s, nil
}

func watchSize(fd int, changed <-chan os.Signal, done <-chan struct{}) <-chan [2]int {
	sizes := make(chan [2]int)
	go func() {
		for {
			select {
			case <-done:
				return
			case <-changed:
			}
			width, height, err := term.GetSize(fd)
			if err != nil {
				continue
			}
			select {
			case sizes <- [2]int{width, height}:
			case <-done:
				return
			}
		}
	}()
	return sizes
}

// patience is how many interrupts a command may ignore before the call ends, and the command with it.
const patience = 3

// forwardSignals hands a command what this process is told, by name. A command that does not listen is given up.
func forwardSignals(giveUp func()) (<-chan string, func()) {
	heard := make(chan os.Signal, 8)
	signal.Notify(heard, unix.SIGINT, unix.SIGTERM, unix.SIGHUP, unix.SIGQUIT, unix.SIGUSR1, unix.SIGUSR2)
	names, done := make(chan string, 8), make(chan struct{})
	go func() {
		for ends := 0; ; {
			select {
			case <-done:
				return
			case s := <-heard:
				name := unix.SignalName(s.(unix.Signal))
				if name == "SIGINT" || name == "SIGTERM" {
					ends++
				}
				if ends == patience {
					giveUp()
				}
				select {
				case names <- name:
				default: // it has many to hear already
				}
			}
		}
	}()
	return names, func() {
		signal.Stop(heard)
		close(done)
	}
}
