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

	"github.com/seaworthyhq/seaworthy/internal/runtime/shim"
)

// embedded holds the small shim where `make build` has put it there (embedded/seaworthy-shim), and is otherwise empty, so that a
// clean clone builds.
//
//go:embed all:embedded
var embedded embed.FS

// programs are the paths of what stands beside replicas. They lie in a folder named for their content: replacing Seaworthy
// leaves those in use alone.
type programs struct {
	shim, log, init string
}

// installPrograms lays the program out under its three names.
func installPrograms(root, self string) (programs, error) {
	source, err := openProgram(self)
	if err != nil {
		return programs{}, err
	}
	defer source.Close()
	if err := os.MkdirAll(root, 0o755); err != nil {
		return programs{}, err
	}
	digest, err := digestOf(source)
	if err != nil {
		return programs{}, err
	}
	dir := filepath.Join(root, digest)
	p := programs{
		shim: filepath.Join(dir, shim.ShimName), log: filepath.Join(dir, shim.LogName), init: filepath.Join(dir, shim.InitName),
	}
	if _, err := os.Stat(dir); err == nil {
		return p, nil // it was renamed into place whole
	}
	return p, layOut(source, root, dir)
}

type program interface {
	io.ReadSeeker
	io.Closer
}

type inMemory struct{ *bytes.Reader }

func (inMemory) Close() error { return nil }

func openProgram(self string) (program, error) {
	b, err := embedded.ReadFile("embedded/" + shim.ShimName)
	if err == nil {
		return inMemory{bytes.NewReader(b)}, nil
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	return os.Open(self)
}

func digestOf(source program) (string, error) {
	h := sha256.New()
	if _, err := io.Copy(h, source); err != nil {
		return "", err
	}
	_, err := source.Seek(0, io.SeekStart)
	return hex.EncodeToString(h.Sum(nil))[:16], err
}

func layOut(source io.Reader, root, dir string) (err error) {
	tmp, err := os.MkdirTemp(root, ".new-*")
	if err != nil {
		return err
	}
	defer os.RemoveAll(tmp) // gone, if all went well
	if err := os.Chmod(tmp, 0o755); err != nil {
		return err
	}
	first := filepath.Join(tmp, shim.ShimName)
	f, err := os.OpenFile(first, os.O_CREATE|os.O_WRONLY, 0o755)
	if err != nil {
		return err
	}
	_, err = io.Copy(f, source)
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return fmt.Errorf("copy program: %w", err)
	}
	for _, name := range []string{shim.LogName, shim.InitName} {
		if err := os.Link(first, filepath.Join(tmp, name)); err != nil {
			return err
		}
	}
	if err := os.Rename(tmp, dir); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	return nil
}
