package runtime

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	tasktypes "github.com/containerd/containerd/api/types/task"
	"github.com/containerd/containerd/v2/core/snapshots"
	"golang.org/x/sync/errgroup"

	"github.com/seaworthyhq/seaworthy/internal/host/cgroup"
	"github.com/seaworthyhq/seaworthy/internal/runtime/shim"
)

// adopt takes over the replicas that a former engine has left, and then clears what belongs to none of them.
func (r *Runtime) adopt(ctx context.Context) error {
	entries, err := os.ReadDir(r.dir.containers())
	if err != nil {
		return err
	}
	var group errgroup.Group
	group.SetLimit(8)
	for _, e := range entries {
		group.Go(func() error { return r.adoptOne(ctx, e.Name()) })
	}
	if err := group.Wait(); err != nil {
		return err
	}
	return r.reap(ctx)
}

// adoptOne finds out what became of one replica.
func (r *Runtime) adoptOne(ctx context.Context, id string) error {
	dir := r.dir.container(id)
	rec, err := loadRecord(dir)
	if err != nil || !rec.Ready || rec.Spec.ID != id {
		rec.Spec.ID = id
		return r.clear(ctx, r.adopted(rec, dir)) // whoever was making it was killed; the same call makes it again
	}
	c := newContainer(rec, dir)
	c.adopted = true
	for _, a := range rec.Addresses {
		r.networks.Claim(a.IP, id)
	}
	r.mu.Lock()
	r.containers[id] = c
	r.mu.Unlock()
	if err := r.findProcess(ctx, c); err != nil {
		return err
	}
	if rec.Spec.OneOff {
		return r.endOneOff(ctx, id)
	}
	return nil
}

// adopted is a container to be cleared, with the connection to its shim if there still is one.
func (r *Runtime) adopted(rec record, dir string) *container {
	c := newContainer(rec, dir)
	if run, err := r.dial(c.id); err == nil {
		c.run = run
	}
	return c
}

// findProcess asks the replica's shim, and where there is none reads what it has written.
func (r *Runtime) findProcess(ctx context.Context, c *container) error {
	run, err := r.dial(c.id)
	if err == nil {
		status, serr := run.status(ctx)
		if serr == nil && (status == tasktypes.Status_RUNNING || status == tasktypes.Status_STOPPED || status == tasktypes.Status_PAUSED) {
			c.started(run)
			r.watchRun(c, run) // one that has stopped is buried at once
			r.endForgotten(c, run)
			return nil
		}
		// It waits for a process that was never started.
		if err := run.dismiss(ctx); err != nil && run.alive() {
			return fmt.Errorf("dismiss shim of %s: %w", c.id, err)
		}
	}
	if err := r.endMaking(ctx, c.id); err != nil {
		return err
	}
	if err := r.clearAway(ctx, c.id); err != nil {
		return err
	}
	exit, err := shim.ReadExit(c.dir)
	switch {
	case err == nil:
		c.finished(exit, true)
	case !c.rec.Started.IsZero():
		c.finished(shim.Exit{Time: time.Now()}, false)
	}
	return nil
}

// endMaking ends a runc or crun that still makes the replica's container, for a shim that is gone: it would be in the way of the
// next one.
func (r *Runtime) endMaking(ctx context.Context, id string) error {
	making := []byte("\x00create\x00--bundle\x00" + r.bundle(id) + "\x00")
	for {
		pids, err := processesWith(making)
		if err != nil || len(pids) == 0 {
			return err
		}
		for _, pid := range pids {
			if err := unix.Kill(pid, unix.SIGKILL); err != nil && !errors.Is(err, unix.ESRCH) {
				return fmt.Errorf("end process %d, which makes %s: %w", pid, id, err)
			}
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-time.After(time.Millisecond):
		}
	}
}

// processesWith are the processes that have this in their command line.
func processesWith(part []byte) (pids []int, err error) {
	all, err := filepath.Glob("/proc/[0-9]*/cmdline")
	if err != nil {
		return nil, err
	}
	for _, path := range all {
		line, err := os.ReadFile(path)
		if err != nil || !bytes.Contains(line, part) {
			continue // it has ended meanwhile, or is another
		}
		pid, err := strconv.Atoi(filepath.Base(filepath.Dir(path)))
		if err != nil {
			return nil, err
		}
		pids = append(pids, pid)
	}
	return pids, nil
}

// reap removes what is ours by name and belongs to no replica.
func (r *Runtime) reap(ctx context.Context) error {
	r.reapCgroups()
	return errors.Join(r.reapNamespaces(), r.reapSnapshots(ctx), r.pruneLogs())
}

func (r *Runtime) known(id string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	_, ok := r.containers[id]
	return ok
}

func (r *Runtime) reapNamespaces() error {
	owners, err := r.networks.Namespaces()
	if err != nil {
		return err
	}
	var errs []error
	for _, owner := range owners {
		if !r.known(owner) {
			errs = append(errs, r.networks.Disconnect(owner))
		}
	}
	return errors.Join(errs...)
}

func (r *Runtime) reapSnapshots(ctx context.Context) error {
	ctx = r.store.Context(ctx)
	var left []string
	err := r.store.Snapshotter().Walk(ctx, func(_ context.Context, info snapshots.Info) error {
		if id, ours := strings.CutPrefix(info.Name, snapshotPrefix); ours && !r.known(id) {
			left = append(left, info.Name)
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("list snapshots: %w", err)
	}
	var errs []error
	for _, key := range left {
		errs = append(errs, r.store.Snapshotter().Remove(ctx, key))
	}
	return errors.Join(errs...)
}

func (r *Runtime) reapCgroups() {
	cgroup.RemoveUnused(r.dir.cgroups())
	cgroup.RemoveEmpty(filepath.Dir(r.dir.cgroups()))
}
