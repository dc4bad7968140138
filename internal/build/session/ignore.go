package session

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/seaworthyhq/seaworthy/internal/release"
)

// Ignore reads the ignore file that holds for a Dockerfile in a context, as docker build finds it: DOCKERFILE.dockerignore
// beside the Dockerfile, otherwise .dockerignore in the context. Without one the content is empty, but never nil.
func Ignore(contextDir, dockerfile string) ([]byte, error) {
	for _, path := range []string{dockerfile + ".dockerignore", filepath.Join(contextDir, ".dockerignore")} {
		if info, err := os.Stat(path); err == nil && !info.Mode().IsRegular() { // a pipe might never end
			return nil, &release.UserError{
				Kind: release.KindProject, Err: fmt.Errorf("read ignore file %s: it is not a regular file", path), Hint: "make it one, or remove it",
			}
		}
		b, err := os.ReadFile(path)
		switch {
		case err == nil:
			return append([]byte{}, b...), nil
		case !errors.Is(err, fs.ErrNotExist):
			return nil, fmt.Errorf("read ignore file %s: %w", path, err)
		}
	}
	return []byte{}, nil
}
