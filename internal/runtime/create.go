package runtime

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"time"

	"github.com/containerd/containerd/v2/core/mount"
	"github.com/containerd/containerd/v2/core/snapshots"
	"github.com/containerd/errdefs"
	"golang.org/x/sync/errgroup"
	"golang.org/x/sys/unix"

	"github.com/seaworthyhq/seaworthy/internal/host/cgroup"
	"github.com/seaworthyhq/seaworthy/internal/runtime/network"
	"github.com/seaworthyhq/seaworthy/internal/store"
)

// validID is what container, snapshot and folder of a replica can be named.
var validID = regexp.MustCompile(`^[a-zA-Z0-9][a-zA-Z0-9_.-]{0,127}$`)

// snapshotPrefix starts the name of each replica's writable snapshot.
const snapshotPrefix = "replica-"

// Create makes a replica, up to but not including its process: file system, networks, volumes, files, secrets. Networks and
// named volumes have to be there. When it fails, nothing of the replica stays.
func (r *Runtime) Create(ctx context.Context, spec Spec) (err error) {
	if !validID.MatchString(spec.ID) {
		return fmt.Errorf("create replica %q: the name has characters that names cannot have", spec.ID)
	}
	if spec.Digest == "" {
		spec.Digest = spec.Service.Spec()
	}
	c := newContainer(record{Spec: spec, Created: time.Now()}, r.dir.container(spec.ID))
	c.op.Lock()
	defer c.op.Unlock()
	if err := r.claim(c); err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = fmt.Errorf("create replica %s: %w", spec.ID, err)
			if cerr := r.clear(context.WithoutCancel(ctx), c); cerr != nil {
				err = errors.Join(err, cerr)
			}
			r.forget(c.id)
		}
	}()
	if err := os.MkdirAll(r.bundle(c.id), 0o711); err != nil {
		return err
	}
	if err := c.rec.save(c.dir); err != nil {
		return err
	}
	if err := r.setLogAside(c); err != nil {
		return err
	}
	go cgroup.ReadyMoves()
	if err := r.build(ctx, c, spec); err != nil {
		return err
	}
	if err := c.update(func(rec *record) { rec.Ready = true }); err != nil {
		return err
	}
	r.changed(c)
	return nil
}

// claim takes the replica's name.
func (r *Runtime) claim(c *container) error {
	r.volumes.use.RLock()
	defer r.volumes.use.RUnlock()
	r.mu.Lock()
	defer r.mu.Unlock()
	if _, taken := r.containers[c.id]; taken {
		return fmt.Errorf("create replica %s: %w", c.id, ErrExists)
	}
	r.containers[c.id] = c
	return nil
}

// build makes what does not depend on each other at the same time: addresses first, since files name them.
func (r *Runtime) build(ctx context.Context, c *container, spec Spec) error {
	endpoints, err := r.reserve(spec)
	if err != nil {
		return err
	}
	c.mu.Lock()
	for _, e := range endpoints {
		c.rec.Addresses = append(c.rec.Addresses, endpoint{Network: e.Network.Name, IP: e.IP})
	}
	c.mu.Unlock()

	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error {
		_, err := r.networks.Connect(c.id, endpoints)
		return err
	})
	group.Go(func() error { return r.warm(c) })
	group.Go(func() error {
		img, err := r.store.Unpack(ctx, spec.Service.Image.Digest)
		if err != nil {
			return err
		}
		if err := r.mountRoot(ctx, c.id, img.Chain); err != nil {
			return fmt.Errorf("root file system: %w", err)
		}
		return r.furnish(ctx, c, spec, img, endpoints)
	})
	return group.Wait()
}

// reserve finds the replica's networks and takes an address in each.
func (r *Runtime) reserve(spec Spec) ([]network.Endpoint, error) {
	var endpoints []network.Endpoint
	for _, a := range spec.Service.Networks {
		n, ok := r.networks.Find(spec.Environment, a.Network)
		if !ok {
			return nil, fmt.Errorf("network %s of %s has not been made", a.Network, spec.Environment)
		}
		ip, err := r.networks.Reserve(n, spec.ID)
		if err != nil {
			return nil, err
		}
		endpoints = append(endpoints, network.Endpoint{Network: n, IP: ip})
	}
	return endpoints, nil
}

// warm starts the shim before it is needed. It is not needed to be there later: start makes one where there is none.
func (r *Runtime) warm(c *container) error {
	run, err := r.spawn(c.id)
	if err != nil {
		return err
	}
	c.mu.Lock()
	c.run = run
	c.mu.Unlock()
	return nil
}

func (r *Runtime) rootfs(id string) string { return filepath.Join(r.bundle(id), "rootfs") }

// mountRoot gives the replica a writable layer over its image. The snapshot is a root of the collector's: it is ours to
// remove, and it holds on to the image's layers while the replica is there.
func (r *Runtime) mountRoot(ctx context.Context, id, chain string) error {
	ctx = r.store.Context(ctx)
	key := snapshotPrefix + id
	mounts, err := r.store.Snapshotter().Prepare(ctx, key, chain, snapshots.WithLabels(map[string]string{
		"containerd.io/gc.root": time.Now().UTC().Format(time.RFC3339),
	}))
	if errdefs.IsAlreadyExists(err) {
		mounts, err = r.store.Snapshotter().Mounts(ctx, key)
	}
	if err != nil {
		return err
	}
	if err := os.MkdirAll(r.rootfs(id), 0o711); err != nil {
		return err
	}
	return mount.All(mounts, r.rootfs(id))
}

// furnish fills the replica's directory and writes the specification that runc runs.
func (r *Runtime) furnish(ctx context.Context, c *container, spec Spec, img store.Image, endpoints []network.Endpoint) error {
	b := &specBuilder{
		runtime: r, spec: spec, image: img.Config.Config, endpoints: endpoints, dir: c.dir, rootfs: r.rootfs(c.id),
	}
	oci, err := b.build(ctx)
	if err != nil {
		return err
	}
	c.mu.Lock()
	c.rec.Signal = firstOf(spec.Service.StopSignal, img.Config.Config.StopSignal, "SIGTERM")
	c.mu.Unlock()
	return writeJSON(filepath.Join(r.bundle(c.id), "config.json"), oci)
}

func firstOf(values ...string) string {
	for _, v := range values {
		if v != "" {
			return v
		}
	}
	return ""
}

// Remove stops what may still run of the replica at once and removes everything of it but its logs, which are kept for a
// while with how it ended. One that is not there is no error.
func (r *Runtime) Remove(ctx context.Context, id string) error {
	c, err := r.get(id)
	if errors.Is(err, ErrNotFound) {
		return nil
	}
	c.op.Lock()
	defer c.op.Unlock()
	if err := r.stop(ctx, c, 0, Stopped); err != nil {
		return err
	}
	if err := r.keepLogs(c); err != nil {
		return fmt.Errorf("keep logs of replica %s: %w", id, err)
	}
	if err := r.clear(ctx, c); err != nil {
		return fmt.Errorf("remove replica %s: %w", id, err)
	}
	r.forget(id)
	r.removed(c)
	return nil
}

// clear removes everything of a replica that does not run, as much of it as there is. The record goes last, so that it
// can be done again.
func (r *Runtime) clear(ctx context.Context, c *container) error {
	if run, _ := c.current(); run != nil {
		if err := run.dismiss(ctx); err != nil && run.alive() {
			return err
		}
	}
	if err := r.clearAway(ctx, c.id); err != nil {
		return err
	}
	r.removeCgroups(c)
	err := errors.Join(
		unmount(r.rootfs(c.id)),
		unmount(filepath.Join(c.dir, secretsDir)),
		r.networks.Disconnect(c.id),
	)
	if err != nil {
		return err
	}
	r.networks.Release(c.id)
	ctx = r.store.Context(ctx)
	if err := r.store.Snapshotter().Remove(ctx, snapshotPrefix+c.id); err != nil && !errdefs.IsNotFound(err) {
		return fmt.Errorf("remove snapshot: %w", err)
	}
	return os.RemoveAll(c.dir)
}

// unmount detaches whatever is mounted at path; nothing is no error.
func unmount(path string) error {
	for {
		err := unix.Unmount(path, unix.MNT_DETACH|unix.UMOUNT_NOFOLLOW)
		switch {
		case err == nil: // there may be another below it
		case errors.Is(err, unix.EINVAL), errors.Is(err, unix.ENOENT):
			return nil
		default:
			return fmt.Errorf("unmount %s: %w", path, err)
		}
	}
}

// removeCgroups removes the replica's cgroup, and those that the environment's last replica leaves empty. Only what an OCI runtime
// was making when it was killed can still be in it: that runtime forgets what it has not written down yet.
func (r *Runtime) removeCgroups(c *container) {
	group := r.dir.cgroup(c.env, c.id)
	_ = cgroup.Kill(group) // the next engine tries again
	r.cgroups.Lock()
	defer r.cgroups.Unlock()
	cgroup.RemoveEmpty(group)
}
