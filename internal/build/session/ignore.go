package session

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// Ignore reads the ignore file that holds for a Dockerfile in a context, as docker build finds it: DOCKERFILE.dockerignore
// beside the Dockerfile, otherwise .dockerignore in the context. Without one the content is empty, but never nil.
func Ignore(contextDir, dockerfile string) ([]byte, error) {
	for _, path := range []string{dockerfile + ".dockerignore", filepath.Join(contextDir, ".dockerignore")} {
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
