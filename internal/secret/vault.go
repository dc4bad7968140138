// Package secret keeps the values that replicas are handed. At rest they are encrypted with a key that only root reads; the
// engine holds no more of them than it needs to start replicas again after a reboot.
package secret

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/seaworthyhq/seaworthy/internal/atomicfile"
	"github.com/seaworthyhq/seaworthy/internal/release"
)

// Vault keeps values by environment in a directory, sealed with AES-256-GCM. Its key lies beside it: it keeps the values out
// of backups of single files, of logs and of the hands of other users, not from root.
type Vault struct {
	dir  string
	aead cipher.AEAD
}

// OpenVault opens, or makes, the vault in dir.
func OpenVault(dir string) (*Vault, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("open secrets: %w", err)
	}
	key, err := loadKey(filepath.Join(dir, "key"))
	if err != nil {
		return nil, err
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, fmt.Errorf("open secrets: %w", err)
	}
	aead, err := cipher.NewGCMWithRandomNonce(block)
	if err != nil {
		return nil, fmt.Errorf("open secrets: %w", err)
	}
	return &Vault{dir: dir, aead: aead}, nil
}

func loadKey(path string) ([]byte, error) {
	key, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		key = make([]byte, 32)
		_, _ = rand.Read(key) // never fails: crypto/rand
		err = atomicfile.Write(path, key, 0o600)
	}
	if err != nil {
		return nil, fmt.Errorf("read key of secrets: %w", err)
	}
	return key, nil
}

// Put replaces the values of an environment. No values: what was kept is removed.
func (v *Vault) Put(env release.Environment, values map[string][]byte) error {
	if len(values) == 0 {
		return v.Remove(env)
	}
	plain, err := json.Marshal(values)
	if err != nil {
		return fmt.Errorf("keep secrets of %s: %w", env, err)
	}
	sealed := v.aead.Seal(nil, nil, plain, []byte(env.String()))
	if err := atomicfile.Write(v.path(env), sealed, 0o600); err != nil {
		return fmt.Errorf("keep secrets of %s: %w", env, err)
	}
	return nil
}

// Get returns the values of an environment; none is no error.
func (v *Vault) Get(env release.Environment) (map[string][]byte, error) {
	sealed, err := os.ReadFile(v.path(env))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read secrets of %s: %w", env, err)
	}
	plain, err := v.aead.Open(nil, nil, sealed, []byte(env.String()))
	if err != nil {
		return nil, fmt.Errorf("read secrets of %s: the file does not belong to this key", env)
	}
	var values map[string][]byte
	if err := json.Unmarshal(plain, &values); err != nil {
		return nil, fmt.Errorf("read secrets of %s: %w", env, err)
	}
	return values, nil
}

// Remove forgets the values of an environment.
func (v *Vault) Remove(env release.Environment) error {
	if err := os.Remove(v.path(env)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("remove secrets of %s: %w", env, err)
	}
	return nil
}

func (v *Vault) path(env release.Environment) string {
	return filepath.Join(v.dir, strings.ReplaceAll(env.String(), "/", "~")+".sealed")
}
