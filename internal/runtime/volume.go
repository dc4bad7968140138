package runtime

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"sync"

	cfs "github.com/containerd/continuity/fs"
	"golang.org/x/sys/unix"

	"github.com/seaworthyhq/seaworthy/internal/release"
)

// volumes are the named volumes, below root/project/environment/name.
type volumes struct {
	root string
	fill sync.Mutex // one volume is filled at a time; held over I/O
	// refill lets one volume be replaced at a time; held over I/O.
	refill sync.Mutex
	// use is held for reading while a replica is claimed, which uses volumes from then on, and for writing while a volume is
	// replaced that nobody uses.
	use sync.RWMutex
}

// Names in a volume's folder. The content is in a folder of its own, so that it can be put in place with one rename.
const (
	volumeData  = "_data"
	volumeFresh = "fresh" // nothing has been mounted here yet
	volumeFill  = "_fill"
	volumeNext  = "_import" // the content that is being imported
)

func (v *volumes) dir(env release.Environment, name string) string {
	return filepath.Join(v.root, env.Project, env.Name, name)
}

// Volume is a named volume of an environment.
type Volume struct {
	Environment release.Environment `json:"environment"`
	Name        string              `json:"name"`
	Path        string              `json:"path"` // of its content on this machine
}

// EnsureVolume makes the volume where it is missing.
func (r *Runtime) EnsureVolume(_ context.Context, env release.Environment, name string) (Volume, error) {
	if !validID.MatchString(name) {
		return Volume{}, fmt.Errorf("make volume %q: the name has characters that names cannot have", name)
	}
	dir := r.volumes.dir(env, name)
	vol := Volume{Environment: env, Name: name, Path: filepath.Join(dir, volumeData)}
	if _, err := os.Stat(vol.Path); err == nil {
		return vol, nil
	}
	if err := makeVolume(dir); err != nil {
		return Volume{}, fmt.Errorf("make volume %s of %s: %w", name, env, err)
	}
	return vol, nil
}

// makeVolume marks the volume as fresh before it is there: one that is there and not marked is never written to.
func makeVolume(dir string) error {
	if err := os.MkdirAll(dir, 0o711); err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(dir, volumeFresh), nil, 0o600); err != nil {
		return err
	}
	err := os.Mkdir(filepath.Join(dir, volumeData), 0o755)
	if errors.Is(err, fs.ErrExist) {
		return nil
	}
	return err
}

// Volume is the volume of that name; it is an error when it is not there.
func (r *Runtime) Volume(env release.Environment, name string) (Volume, error) {
	path := filepath.Join(r.volumes.dir(env, name), volumeData)
	if _, err := os.Stat(path); err != nil || !validID.MatchString(name) {
		return Volume{}, &release.UserError{
			Kind: release.KindNotFound, Err: fmt.Errorf("no volume %s in %s", name, env), Hint: env.Command("volume list") + " shows those that are there",
		}
	}
	return Volume{Environment: env, Name: name, Path: path}, nil
}

// Volumes are the volumes of the environment, sorted by name.
func (r *Runtime) Volumes(env release.Environment) ([]Volume, error) {
	entries, err := os.ReadDir(r.volumes.dir(env, ""))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("list volumes of %s: %w", env, err)
	}
	var found []Volume
	for _, e := range entries {
		if vol, err := r.Volume(env, e.Name()); err == nil {
			found = append(found, vol)
		}
	}
	return found, nil
}

// RemoveVolume removes the volume and what is in it; one that is not there is no error. It is for the caller to know that no replica
// uses it.
func (r *Runtime) RemoveVolume(_ context.Context, env release.Environment, name string) error {
	if !validID.MatchString(name) {
		return fmt.Errorf("remove volume %q: no volume can have that name", name)
	}
	dir := r.volumes.dir(env, name)
	if err := os.RemoveAll(dir); err != nil {
		return fmt.Errorf("remove volume %s of %s: %w", name, env, err)
	}
	tidy(dir)
	return nil
}

// tidy removes the folders of environment and project with their last volume; those that are not empty stay.
func tidy(dir string) {
	_ = os.Remove(filepath.Dir(dir))
	_ = os.Remove(filepath.Dir(filepath.Dir(dir)))
}

// VolumeUsers are the replicas, one-offs included, that use the volume or will when they are started again.
func (r *Runtime) VolumeUsers(env release.Environment, name string) []release.Replica {
	uses := func(m release.Mount) bool { return m.Kind == release.MountVolume && m.Source == name }
	return r.replicas(env, func(c *container) bool {
		service := c.record().Spec.Service
		over := service.OneShot && c.replica().State == release.StateExited
		return !over && slices.ContainsFunc(service.Mounts, uses)
	})
}

// fillOnce copies what the image has at target into a fresh volume, with owners and modes, as Docker does. It is done once
// and whole: killed in between, it is done again from the start.
func (v *volumes) fillOnce(dir, rootfs, target string) error {
	v.fill.Lock()
	defer v.fill.Unlock()
	fresh := filepath.Join(dir, volumeFresh)
	if _, err := os.Stat(fresh); errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	source, err := cfs.RootPath(rootfs, target)
	if err != nil {
		return err
	}
	if info, err := os.Stat(source); err == nil && info.IsDir() {
		if err := fillFrom(dir, source); err != nil {
			return err
		}
	}
	return os.Remove(fresh)
}

func fillFrom(dir, source string) error {
	data, tmp := filepath.Join(dir, volumeData), filepath.Join(dir, volumeFill)
	if entries, err := os.ReadDir(data); err != nil || len(entries) > 0 {
		return err // filled, and killed before it could say so
	}
	if err := os.RemoveAll(tmp); err != nil {
		return err
	}
	if err := cfs.CopyDir(tmp, source); err != nil {
		return fmt.Errorf("copy %s of the image: %w", source, err)
	}
	if err := unix.Rename(tmp, data); err != nil { // onto an empty folder, which os.Rename refuses
		return fmt.Errorf("put content in place: %w", err)
	}
	return nil
}
