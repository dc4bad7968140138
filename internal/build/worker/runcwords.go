package worker

import (
	"bytes"
	"strings"
)

// runcSays begins the line in which runc writes, to the standard error of a process, why it did not run that.
const runcSays = "runc run failed: "

// heldBack is the last line on standard error so far, where it may be runc's.
type heldBack struct {
	text  []byte
	alone bool // nothing else was written
	of    *stream
}

// hold returns what the process has written, without a last line that may be runc's: whether it is shows at the end.
func (s *stream) hold(p []byte) []byte {
	if s.number == stdout {
		return p
	}
	if s.of.last.of == s {
		p = append(s.of.last.text, p...)
		s.of.last = heldBack{}
	}
	at := bytes.LastIndexByte(bytes.TrimSuffix(p, []byte("\n")), '\n') + 1
	if !bytes.HasPrefix(p[at:], []byte(runcSays)) {
		return p
	}
	s.of.last = heldBack{text: bytes.Clone(p[at:]), alone: at == 0 && s.of.told == 0, of: s}
	return p[:at]
}

// explain is the error of a process with what runc says of it, which is then no output. Of one that was ended there is nothing to say:
// it is known why.
func (o *output) explain(err error, ended bool) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	why, unstarted := strings.CutPrefix(strings.TrimSpace(string(o.last.text)), runcSays+"unable to start container process: ")
	switch {
	case ended:
		o.last = heldBack{}
	case unstarted && o.last.alone:
		o.last = heldBack{}
		return &StartError{err, strings.TrimPrefix(why, "error during container init: ")}
	}
	return err
}

// StartError is why a process could not be started.
type StartError struct {
	error
	why string
}

func (e *StartError) Error() string { return "could not be started: " + e.why }
func (e *StartError) Unwrap() error { return e.error }

// Hint says what to do.
func (e *StartError) Hint() string {
	return "see that the stage has the program, and all that it needs to run"
}
