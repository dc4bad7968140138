package runtime

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"

	"github.com/containerd/containerd/v2/core/content"
	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
	"golang.org/x/sys/unix"

	"github.com/seaworthyhq/seaworthy/internal/release"
	"github.com/seaworthyhq/seaworthy/internal/store"
)

// Folders in a replica's directory.
const (
	secretsDir = "secrets" // a tmpfs
	filesDir   = "files"
	anonDir    = "volumes" // those of the image that nobody named
)

// writeJSON writes a file that may be read meanwhile: whole or not at all, though not proof against a power cut.
func writeJSON(path string, v any) error {
	b, err := json.Marshal(v)
	if err != nil {
		return err
	}
	tmp := path + ".new"
	if err := os.WriteFile(tmp, b, 0o600); err != nil {
		return err
	}
	return os.Rename(tmp, path)
}

// owned is a file for a replica to see.
type owned struct {
	path     string
	content  []byte
	uid, gid string // numbers; empty: root
	mode     uint32
}

func (o owned) write() error {
	uid, err := numericID(o.uid)
	if err != nil {
		return err
	}
	gid, err := numericID(o.gid)
	if err != nil {
		return err
	}
	if err := os.WriteFile(o.path, o.content, 0o600); err != nil {
		return err
	}
	if err := os.Chown(o.path, uid, gid); err != nil {
		return err
	}
	return os.Chmod(o.path, fs.FileMode(o.mode)&fs.ModePerm)
}

func numericID(s string) (int, error) {
	if s == "" {
		return 0, nil
	}
	id, err := strconv.Atoi(s)
	if err != nil {
		return 0, fmt.Errorf("owner %q of a file is not a number: %w", s, err)
	}
	return id, nil
}

// writeSecrets puts the values where they are never written to a disk: in a tmpfs that goes with the replica.
func writeSecrets(dir string, secrets []release.Secret, values map[string][]byte) error {
	if len(secrets) == 0 {
		return nil
	}
	dir = filepath.Join(dir, secretsDir)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	if err := unix.Mount("tmpfs", dir, "tmpfs", unix.MS_NOSUID|unix.MS_NODEV|unix.MS_NOEXEC, "mode=0700"); err != nil {
		return fmt.Errorf("mount memory for secrets: %w", err)
	}
	for i, s := range secrets {
		value, ok := values[s.Name]
		if !ok {
			return &release.UserError{
				Kind: release.KindProject, Err: fmt.Errorf("secret %s has no value", s.Name),
				Hint: "hand it over with the next seaworthy up",
			}
		}
		mode := s.Mode
		if mode == 0 {
			mode = 0o400
		}
		f := owned{path: filepath.Join(dir, strconv.Itoa(i)), content: value, uid: s.UID, gid: s.GID, mode: mode}
		if err := f.write(); err != nil {
			return fmt.Errorf("write secret %s: %w", s.Name, err)
		}
	}
	return nil
}

// writeFiles lays out the files that the release carries.
func writeFiles(ctx context.Context, s *store.Store, dir string, files []release.File) error {
	if len(files) == 0 {
		return nil
	}
	dir = filepath.Join(dir, filesDir)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	for i, f := range files {
		b, err := content.ReadBlob(s.Context(ctx), s.Content(), ocispec.Descriptor{Digest: digest.Digest(f.Digest), Size: f.Size})
		if err != nil {
			return fmt.Errorf("read content of %s: %w", f.Target, err)
		}
		mode := f.Mode
		if mode == 0 {
			mode = 0o444
		}
		o := owned{path: filepath.Join(dir, strconv.Itoa(i)), content: b, uid: f.UID, gid: f.GID, mode: mode}
		if err := o.write(); err != nil {
			return fmt.Errorf("write %s: %w", f.Target, err)
		}
	}
	return nil
}

// makeAnonymous makes a volume that lives as long as the replica.
func makeAnonymous(dir string, i int) (string, error) {
	path := filepath.Join(dir, anonDir, strconv.Itoa(i))
	err := makeVolume(path)
	if errors.Is(err, fs.ErrExist) {
		err = nil
	}
	return path, err
}
