package session

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"

	"github.com/seaworthyhq/seaworthy/internal/plainfile"
	"github.com/seaworthyhq/seaworthy/internal/release"
)

// Ignore reads the ignore file that holds for a Dockerfile in a context, as docker build finds it: DOCKERFILE.dockerignore
// beside the Dockerfile, otherwise .dockerignore in the context. Without one the content is empty, but never nil.
func Ignore(contextDir, dockerfile string) ([]byte, error) {
	for _, path := range []string{dockerfile + ".dockerignore", filepath.Join(contextDir, ".dockerignore")} {
		b, err := plainfile.Read(path)
		switch {
		case err == nil:
			return append([]byte{}, b...), nil
		case errors.Is(err, plainfile.ErrNotRegular):
			return nil, &release.UserError{
				Kind: release.KindProject, Err: fmt.Errorf("read ignore file %s: %w", path, plainfile.ErrNotRegular), Hint: "make it one, or remove it",
			}
		case !errors.Is(err, fs.ErrNotExist):
			return nil, fmt.Errorf("read ignore file %s: %w", path, err)
		}
	}
	return []byte{}, nil
}
