package socket

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"

	"golang.org/x/sys/unix"
)

// maxFiles is SCM_MAX_FD, rounded down.
const maxFiles = 250

// Send passes files, with a note that says what they are, over a unix socket.
func Send(c *net.UnixConn, note any, files []*os.File) error {
	text, err := json.Marshal(note)
	if err != nil {
		return err
	}
	header, err := json.Marshal(passed{Files: len(files), Note: text})
	if err != nil {
		return err
	}
	if _, err := c.Write(append(header, '\n')); err != nil {
		return fmt.Errorf("pass sockets: %w", err)
	}
	for len(files) > 0 {
		batch := files[:min(len(files), maxFiles)]
		files = files[len(batch):]
		fds, err := descriptors(batch)
		if err != nil {
			return fmt.Errorf("pass sockets: %w", err)
		}
		if _, _, err := c.WriteMsgUnix([]byte{'f'}, unix.UnixRights(fds...), nil); err != nil {
			return fmt.Errorf("pass sockets: %w", err)
		}
	}
	return nil
}

// descriptors of files, which the caller keeps open. File.Fd will not do: it makes a socket blocking, for all who share it,
// and an accept that blocks cannot be ended by closing.
func descriptors(files []*os.File) ([]int, error) {
	fds := make([]int, len(files))
	for i, f := range files {
		raw, err := f.SyscallConn()
		if err != nil {
			return nil, err
		}
		if err := raw.Control(func(fd uintptr) { fds[i] = int(fd) }); err != nil {
			return nil, err
		}
	}
	return fds, nil
}

type passed struct {
	Files int             `json:"files"`
	Note  json.RawMessage `json:"note"`
}

// Receive takes what Send passes. The caller closes the files.
func Receive(c *net.UnixConn, note any) ([]*os.File, error) {
	line, err := readLine(c)
	if err != nil {
		return nil, fmt.Errorf("take over sockets: %w", err)
	}
	var p passed
	if err := json.Unmarshal(line, &p); err != nil {
		return nil, fmt.Errorf("take over sockets: %w", err)
	}
	if err := json.Unmarshal(p.Note, note); err != nil {
		return nil, fmt.Errorf("take over sockets: %w", err)
	}
	var files []*os.File
	for len(files) < p.Files {
		more, err := receiveBatch(c)
		files = append(files, more...)
		if err != nil {
			CloseAll(files)
			return nil, fmt.Errorf("take over sockets: %w", err)
		}
	}
	return files, nil
}

// readLine reads byte by byte: what follows the line carries files and must not be read with it.
func readLine(r io.Reader) ([]byte, error) {
	var line []byte
	b := make([]byte, 1)
	for {
		if _, err := io.ReadFull(r, b); err != nil {
			return nil, err
		}
		if b[0] == '\n' {
			return line, nil
		}
		line = append(line, b[0])
	}
}

func receiveBatch(c *net.UnixConn) ([]*os.File, error) {
	space := make([]byte, unix.CmsgSpace(maxFiles*4))
	n, oobn, _, _, err := c.ReadMsgUnix(make([]byte, 1), space)
	if err != nil {
		return nil, err
	}
	if n == 0 {
		return nil, io.ErrUnexpectedEOF
	}
	messages, err := unix.ParseSocketControlMessage(space[:oobn])
	if err != nil {
		return nil, err
	}
	var files []*os.File
	for i := range messages {
		fds, err := unix.ParseUnixRights(&messages[i])
		if err != nil {
			return files, err
		}
		for _, fd := range fds {
			unix.CloseOnExec(fd)
			files = append(files, os.NewFile(uintptr(fd), "passed"))
		}
	}
	if len(files) == 0 {
		return nil, errors.New("a message without files")
	}
	return files, nil
}

// CloseAll closes files.
func CloseAll(files []*os.File) {
	for _, f := range files {
		f.Close()
	}
}
