package runtime

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/seaworthyhq/seaworthy/internal/runtime/aide"
	"github.com/seaworthyhq/seaworthy/internal/runtime/shim"
)

// embedded holds the small programs where `make build` has put them there, and is otherwise empty, so that a clean clone builds.
//
//go:embed all:embedded
var embedded embed.FS

// programs are the paths of what stands beside replicas. Each lies in a folder named for its content: replacing Seaworthy
// leaves those in use alone.
type programs struct {
	shim, log, init string
}

// installPrograms lays the programs out below root. What is not embedded is looked for beside self, and otherwise self plays its
// part.
func installPrograms(root, self string) (programs, error) {
	if err := os.MkdirAll(root, 0o755); err != nil {
		return programs{}, err
	}
	shimDir, err := installProgram(root, self, shim.Name, shim.Name)
	if err != nil {
		return programs{}, err
	}
	aideDir, err := installProgram(root, self, aide.Program, aide.LogName, aide.InitName)
	if err != nil {
		return programs{}, err
	}
	return programs{
		shim: filepath.Join(shimDir, shim.Name),
		log:  filepath.Join(aideDir, aide.LogName),
		init: filepath.Join(aideDir, aide.InitName),
	}, nil
}

// installProgram lays one program out under the names that it is run as, and returns the folder.
func installProgram(root, self, program string, names ...string) (string, error) {
	source, err := openProgram(self, program)
	if err != nil {
		return "", err
	}
	defer source.Close()
	digest, err := digestOf(source)
	if err != nil {
		return "", err
	}
	dir := filepath.Join(root, program+"-"+digest)
	if _, err := os.Stat(dir); err == nil {
		return dir, nil // it was renamed into place whole
	}
	return dir, layOut(source, root, dir, names)
}

type source interface {
	io.ReadSeeker
	io.Closer
}

type inMemory struct{ *bytes.Reader }

func (inMemory) Close() error { return nil }

func openProgram(self, program string) (source, error) {
	b, err := embedded.ReadFile("embedded/" + program)
	if err == nil {
		return inMemory{bytes.NewReader(b)}, nil
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	if f, err := os.Open(filepath.Join(filepath.Dir(self), program)); err == nil {
		return f, nil
	}
	return os.Open(self)
}

func digestOf(s source) (string, error) {
	h := sha256.New()
	if _, err := io.Copy(h, s); err != nil {
		return "", err
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
