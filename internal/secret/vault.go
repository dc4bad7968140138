// Package secret keeps the values that replicas are handed. At rest they are encrypted with a key that only root reads; the
// engine holds no more of them than it needs to start replicas again after a reboot.
package secret

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"github.com/seaworthyhq/seaworthy/internal/atomicfile"
	"github.com/seaworthyhq/seaworthy/internal/release"
)

// Vault keeps values by environment in a directory, sealed with AES-256-GCM. Its key lies beside it: it keeps the values out
// of backups of single files, of logs and of the hands of other users, not from root.
type Vault struct {
	dir     string
	aead    cipher.AEAD
	markKey []byte

	mu sync.Mutex // held while a file is read, changed and written
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
	markKey, err := hkdf.Key(sha256.New, key, nil, "mark", sha256.Size)
	if err != nil {
		return nil, fmt.Errorf("open secrets: %w", err)
	}
	return &Vault{dir: dir, aead: aead, markKey: markKey}, nil
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

// contents is what an environment's file holds. Values are by mark, so that replicas of an earlier deployment can be made again
// with the values that they had, while those of a later one already have others.
type contents struct {
	Latest map[string]release.Digest `json:"latest"` // marks of what was handed over last, by name
	Values map[release.Digest][]byte `json:"values"`
}

// Mark is a digest of a secret's value that only this vault can make: it tells whether a value is another one, and nothing
// about it.
func (v *Vault) Mark(env release.Environment, name string, value []byte) release.Digest {
	mac := hmac.New(sha256.New, v.markKey)
	for _, part := range [][]byte{[]byte(env.String()), []byte(name)} {
		mac.Write(part)
		mac.Write([]byte{0})
	}
	mac.Write(value)
	return release.Digest("sha256:" + hex.EncodeToString(mac.Sum(nil)))
}

// Marks are the marks of values by name.
func (v *Vault) Marks(env release.Environment, values map[string][]byte) map[string]release.Digest {
	marks := map[string]release.Digest{}
	for name, value := range values {
		marks[name] = v.Mark(env, name, value)
	}
	return marks
}

// HandOver keeps the values as the environment's latest, beside those that its replicas may still be made with.
func (v *Vault) HandOver(env release.Environment, values map[string][]byte) error {
	v.mu.Lock()
	defer v.mu.Unlock()
	c, err := v.read(env)
	if err != nil {
		return err
	}
	marks := v.Marks(env, values)
	if maps.Equal(c.Latest, marks) {
		return nil
	}
	c.Latest = marks
	for name, mark := range c.Latest {
		c.Values[mark] = values[name]
	}
	return v.write(env, c)
}

// Latest are the marks of what was handed over last, by name; none is no error.
func (v *Vault) Latest(env release.Environment) (map[string]release.Digest, error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	c, err := v.read(env)
	return c.Latest, err
}

// Values are the values of secrets, by name, as they are marked. One that is not kept is left out.
func (v *Vault) Values(env release.Environment, secrets []release.Secret) (map[string][]byte, error) {
	if len(secrets) == 0 {
		return nil, nil
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	c, err := v.read(env)
	if err != nil {
		return nil, err
	}
	values := map[string][]byte{}
	for _, s := range secrets {
		if value, ok := c.Values[s.Mark]; ok {
			values[s.Name] = value
		}
	}
	return values, nil
}

// Forget drops all values but the latest and those with one of these marks.
func (v *Vault) Forget(env release.Environment, but map[release.Digest]bool) error {
	v.mu.Lock()
	defer v.mu.Unlock()
	c, err := v.read(env)
	if err != nil {
		return err
	}
	latest := slices.Collect(maps.Values(c.Latest))
	before := len(c.Values)
	maps.DeleteFunc(c.Values, func(mark release.Digest, _ []byte) bool { return !but[mark] && !slices.Contains(latest, mark) })
	if len(c.Values) == before {
		return nil
	}
	return v.write(env, c)
}

// Remove forgets the values of an environment.
func (v *Vault) Remove(env release.Environment) error {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.remove(env)
}

func (v *Vault) remove(env release.Environment) error {
	if err := os.Remove(v.path(env)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("remove secrets of %s: %w", env, err)
	}
	return nil
}

func (v *Vault) write(env release.Environment, c contents) error {
	if len(c.Values) == 0 {
		return v.remove(env)
	}
	plain, err := json.Marshal(c)
	if err != nil {
		return fmt.Errorf("keep secrets of %s: %w", env, err)
	}
	sealed := v.aead.Seal(nil, nil, plain, []byte(env.String()))
	if err := atomicfile.Write(v.path(env), sealed, 0o600); err != nil {
		return fmt.Errorf("keep secrets of %s: %w", env, err)
	}
	return nil
}

func (v *Vault) read(env release.Environment) (contents, error) {
	c := contents{Values: map[release.Digest][]byte{}}
	sealed, err := os.ReadFile(v.path(env))
	if errors.Is(err, fs.ErrNotExist) {
		return c, nil
	}
	if err != nil {
		return c, fmt.Errorf("read secrets of %s: %w", env, err)
	}
	plain, err := v.aead.Open(nil, nil, sealed, []byte(env.String()))
	if err != nil {
		return c, fmt.Errorf("read secrets of %s: the file does not belong to this key", env)
	}
	if err := json.Unmarshal(plain, &c); err != nil {
		return c, fmt.Errorf("read secrets of %s: %w", env, err)
	}
	return c, nil
}

func (v *Vault) path(env release.Environment) string {
	return filepath.Join(v.dir, strings.ReplaceAll(env.String(), "/", "~")+".sealed")
}
