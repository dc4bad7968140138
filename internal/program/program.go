// Package program keeps the small programs that Seaworthy carries within itself: what stays in memory beside replicas, and
// must survive the engine, is not the whole of Seaworthy. It knows them by name only.
package program

import (
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

// embedded holds the programs where `make build` has put them there, and is otherwise empty, so that a clean clone builds.
//
//go:embed all:embedded
var embedded embed.FS

// Installed is a program that has been laid out.
type Installed struct {
	Dir  string // named for its content: replacing Seaworthy leaves programs in use alone
	Self bool   // there was none, and it is a copy of Seaworthy, which can play every part
}

// Install lays one program out below root under the names that it is run as. One that is not embedded is looked for beside
// self, and otherwise self plays its part.
func Install(root, self, program string, names ...string) (Installed, error) {
	if err := os.MkdirAll(root, 0o755); err != nil {
		return Installed{}, err
	}
	source, isSelf, err := open(self, program)
	if err != nil {
		return Installed{}, err
	}
	defer source.Close()
	digest, err := digestOf(source)
	if err != nil {
		return Installed{}, err
	}
	out := Installed{Dir: filepath.Join(root, program+"-"+digest), Self: isSelf}
	if _, err := os.Stat(out.Dir); err == nil {
		return out, nil // it was renamed into place whole
	}
	if err := layOut(source, root, out.Dir, names); err != nil {
		return Installed{}, err
	}
	forgetBinary()
	return out, nil
}

type source interface {
	io.ReadSeeker
	io.Closer
}

func open(self, program string) (s source, isSelf bool, err error) {
	f, err := embedded.Open("embedded/" + program)
	if err == nil {
		return f.(source), false, nil // embed says that its files can be sought in
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return nil, false, err
	}
	if f, err := os.Open(filepath.Join(filepath.Dir(self), program)); err == nil {
		return f, false, nil
	}
	own, err := os.Open(self)
	return own, true, err
}

// headSize is how much of a program tells it from others: Go writes a build ID there, which is a hash of the whole. Reading all
// of what is embedded would keep it in the engine's memory.
const headSize = 4096

func digestOf(s source) (string, error) {
	h := sha256.New()
	if _, err := io.CopyN(h, s, headSize); err != nil {
		return "", fmt.Errorf("read build ID: %w", err)
	}
	_, err := s.Seek(0, io.SeekStart)
	return hex.EncodeToString(h.Sum(nil))[:16], err
}

func layOut(s source, root, dir string, names []string) error {
	tmp, err := os.MkdirTemp(root, ".new-*")
	if err != nil {
		return err
	}
	defer os.RemoveAll(tmp) // gone, if all went well
	if err := os.Chmod(tmp, 0o755); err != nil {
		return err
	}
	first := filepath.Join(tmp, names[0])
	f, err := os.OpenFile(first, os.O_CREATE|os.O_WRONLY, 0o755)
	if err != nil {
		return err
	}
	_, err = io.Copy(f, s)
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return fmt.Errorf("copy program: %w", err)
	}
	for _, name := range names[1:] {
		if err := os.Link(first, filepath.Join(tmp, name)); err != nil {
			return err
		}
	}
	if err := os.Rename(tmp, dir); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	return nil
}
