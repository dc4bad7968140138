package cli

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/seaworthyhq/seaworthy/internal/api"
	"github.com/seaworthyhq/seaworthy/internal/export"
	"github.com/seaworthyhq/seaworthy/internal/release"
)

// writeFolder writes the compose file and what lies beside it. A folder that holds something else is left alone.
func writeFolder(ctx context.Context, client *api.Client, x *export.Export, dir string) error {
	compose := filepath.Join(dir, export.ComposeFile)
	old, err := os.ReadFile(compose)
	if err == nil && !strings.HasPrefix(string(old), export.Mark) {
		return &release.UserError{
			Kind: release.KindConflict, Err: fmt.Errorf("write %s: there is one that export has not made", compose), Hint: "name another folder: seaworthy export -o DIR",
		}
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return writeError(dir, err)
	}
	for name, f := range x.Files {
		if err := writeCarried(ctx, client, filepath.Join(dir, name), f); err != nil {
			return err
		}
	}
	if len(x.Secrets) > 0 {
		if err := prepareSecrets(dir, x); err != nil {
			return writeError(dir, err)
		}
	}
	if err := os.WriteFile(compose, x.Compose, 0o644); err != nil { // last: it is there when the rest is
		return writeError(compose, err)
	}
	return nil
}

// writeCarried writes a file as replicas see it; its owner only where whoever runs this may say so.
func writeCarried(ctx context.Context, client *api.Client, path string, f release.File) error {
	content, err := client.File(ctx, f.Digest)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return writeError(path, err)
	}
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) { // of an export before, and not writable
		return writeError(path, err)
	}
	mode := fs.FileMode(f.Mode)
	if mode == 0 {
		mode = 0o444
	}
	if err := os.WriteFile(path, content, mode); err != nil {
		return writeError(path, err)
	}
	if err := os.Chmod(path, mode); err != nil { // whatever the umask
		return writeError(path, err)
	}
	if os.Geteuid() != 0 || f.UID == "" && f.GID == "" {
		return nil
	}
	uid, _ := strconv.Atoi(f.UID) // a name is the replica's own: root here
	gid, _ := strconv.Atoi(f.GID)
	if err := os.Chown(path, uid, gid); err != nil {
		return writeError(path, err)
	}
	return nil
}

// prepareSecrets makes the folders that values are to be put into, which git leaves out.
func prepareSecrets(dir string, x *export.Export) error {
	for name := range x.Secrets {
		folder := filepath.Join(dir, filepath.Dir(name))
		if err := os.MkdirAll(folder, 0o700); err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(folder, ".gitignore"), []byte("*\n"), 0o644); err != nil {
			return err
		}
	}
	return nil
}

// writeImageArchive writes the images whole, or leaves what was there.
func writeImageArchive(ctx context.Context, client *api.Client, x *export.Export, path string) (err error) {
	var asked []api.ArchivedImage
	for _, name := range slices.Sorted(maps.Keys(x.Images)) {
		asked = append(asked, api.ArchivedImage{Name: name, Digest: x.Images[name].Digest})
	}
	if len(asked) == 0 {
		return &release.UserError{Kind: release.KindUsage, Err: errors.New("no image was built here: Docker can pull them all"), Hint: "leave --images out, or add --all-images"}
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return writeError(path, err)
	}
	f, err := os.CreateTemp(filepath.Dir(path), ".images-*")
	if err != nil {
		return writeError(path, err)
	}
	defer os.Remove(f.Name()) // nothing, once it is renamed
	out := bufio.NewWriterSize(f, 1<<20)
	err = client.Images(ctx, asked, out)
	err = errors.Join(err, out.Flush(), f.Chmod(0o644), f.Close())
	if err != nil {
		return err
	}
	if err := os.Rename(f.Name(), path); err != nil {
		return writeError(path, err)
	}
	return nil
}

func writeError(path string, err error) error {
	return &release.UserError{Kind: release.KindUsage, Err: fmt.Errorf("write %s: %w", path, err), Hint: "name a place that can be written to"}
}
