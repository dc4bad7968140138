package runtime

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"time"

	"github.com/moby/sys/mountinfo"
	"github.com/moby/sys/signal"
	"golang.org/x/sys/unix"

	"github.com/seaworthyhq/seaworthy/internal/host/cgroup"
	"github.com/seaworthyhq/seaworthy/internal/release"
	"github.com/seaworthyhq/seaworthy/internal/runtime/aide"
	"github.com/seaworthyhq/seaworthy/internal/runtime/network"
	"github.com/seaworthyhq/seaworthy/internal/runtime/shim"
)

// Start starts the process of a replica that has been created or has ended; one that runs is no error. A replica that is
// started again keeps its writable layer and its addresses.
func (r *Runtime) Start(ctx context.Context, id string) error {
	c, err := r.get(id)
	if err != nil {
		return err
	}
	c.op.Lock()
	defer c.op.Unlock()
	rep := c.replica()
	if rep.State == release.StateRunning {
		return nil
	}
	log := aide.LogURI(r.programs.log, r.dir.log(c.env, c.id), filepath.Join(c.dir, secretsDir))
	to := stdio{stdout: log, stderr: log, terminal: c.record().Spec.Service.TTY}
	if _, err := r.start(ctx, c, rep.State == release.StateExited, to); err != nil {
		return fmt.Errorf("start replica %s: %w", id, err)
	}
	r.changed(c)
	return nil
}

func (r *Runtime) start(ctx context.Context, c *container, again bool, to stdio) (started *run, err error) {
	if again || c.adopted {
		if err := r.restore(ctx, c); err != nil {
			return nil, err
		}
	}
	if again {
		r.noteExit(c)
	}
	run, _ := c.current()
	if run == nil || !run.alive() {
		if run, err = r.spawn(c.id); err != nil {
			return nil, err
		}
	}
	defer func() {
		if err != nil {
			clean := context.WithoutCancel(ctx)
			_ = run.abandon(clean) // what follows does what it could not
			err = errors.Join(err, r.endMaking(clean, c.id), r.clearAway(clean, c.id))
			c.mu.Lock()
			c.run = nil
			c.mu.Unlock()
		}
	}()
	go cgroup.ReadyMoves()
	r.cgroups.RLock()
	err = run.create(ctx, r.bundle(c.id), r.dir.runtimeRoot(r.oci.name), to)
	r.cgroups.RUnlock()
	if err != nil {
		return nil, userError(c, err)
	}
	if err := run.start(ctx); err != nil {
		return nil, userError(c, err)
	}
	c.started(run)
	r.watchRun(c, run)
	return run, c.update(func(rec *record) {
		rec.Started = time.Now()
		if again && rec.Stopped == "" {
			rec.Restarts++
		}
		rec.Stopped = ""
	})
}

// userError puts what runc says of a command that cannot be run into words: it is the image's or the service's fault.
func userError(c *container, err error) error {
	if errors.Is(err, context.Canceled) {
		return err
	}
	return &release.UserError{
		Kind: release.KindRollout, Err: fmt.Errorf("service %s: %w", c.rec.Spec.Service.Name, err),
		Hint: "check command, entrypoint, user and mounts of the service",
	}
}

// restore makes again what a reboot has taken.
func (r *Runtime) restore(ctx context.Context, c *container) error {
	if err := shim.ForgetExit(c.dir); err != nil {
		return err
	}
	rec := c.record()
	mounted, err := mountinfo.Mounted(r.rootfs(c.id))
	if err != nil {
		return err
	}
	if len(rec.Spec.Service.Secrets) > 0 {
		if mounted, err := mountinfo.Mounted(filepath.Join(c.dir, secretsDir)); err != nil {
			return err
		} else if !mounted {
			return ErrSecretsGone
		}
	}
	if mounted && r.networks.Connected(c.id) {
		return nil
	}
	endpoints, err := r.endpoints(ctx, rec)
	if err != nil {
		return err
	}
	if _, err := r.networks.Connect(c.id, endpoints); err != nil || mounted {
		return err
	}
	return r.refurnish(ctx, c, endpoints)
}

// refurnish mounts the replica's root again and fills its directory anew: if the machine went down soon after that was done first,
// the files may be there and empty.
func (r *Runtime) refurnish(ctx context.Context, c *container, endpoints []network.Endpoint) error {
	spec := c.record().Spec
	img, err := r.store.Unpack(ctx, spec.Service.Image.Digest)
	if err != nil {
		return err
	}
	if err := r.mountRoot(ctx, c.id, img.Chain); err != nil {
		return fmt.Errorf("root file system: %w", err)
	}
	return r.furnish(ctx, c, spec, img, endpoints)
}

// ErrSecretsGone is the cause when a replica with secrets is started after a reboot: they were in memory only. Remove the
// replica and create it again.
var ErrSecretsGone = errors.New("its secrets were in memory and are gone")

// endpoints are the replica's as recorded, their networks made again where they are not.
func (r *Runtime) endpoints(ctx context.Context, rec record) ([]network.Endpoint, error) {
	var endpoints []network.Endpoint
	for _, a := range rec.Addresses {
		n, ok := r.networks.Find(rec.Spec.Environment, a.Network)
		if !ok {
			return nil, fmt.Errorf("network %s: %w", a.Network, fs.ErrNotExist)
		}
		n, err := r.networks.Ensure(ctx, rec.Spec.Environment, release.Network{Name: n.Name, Internal: n.Internal})
		if err != nil {
			return nil, err
		}
		endpoints = append(endpoints, network.Endpoint{Network: n, IP: a.IP})
	}
	return endpoints, nil
}

// watchRun waits for the end of the process, in the background.
func (r *Runtime) watchRun(c *container, n *run) {
	r.waiters.Go(func() {
		err := n.wait(r.closing)
		if r.closing.Err() != nil {
			return // the replica goes on without us
		}
		drain, _ := c.attached()
		drain()
		r.bury(c, n, err == nil)
	})
}

// bury clears away an ended process and remembers how it ended. Where the shim was killed, the process may still run: it is
// ended too, since nobody could wait for it.
func (r *Runtime) bury(c *container, n *run, waited bool) {
	ctx := r.closing
	if waited {
		_ = n.dismiss(ctx) // clearAway does what it could not
	} else {
		_ = n.close() // it is lost
	}
	_ = r.clearAway(ctx, c.id) // what stays is found by the next start, and by New
	exit, err := shim.ReadExit(c.dir)
	if err != nil {
		exit.Time = time.Now()
	}
	c.finished(exit, err == nil)
	r.changed(c)
}

// Stopped is why a replica is stopped where there is no more to say.
const Stopped = "stopped"

// Stop asks the replica to end and kills it after grace; why is what its log says of that: "replaced by #3". One that does not
// run is no error.
func (r *Runtime) Stop(ctx context.Context, id string, grace time.Duration, why string) error {
	c, err := r.get(id)
	if err != nil {
		return err
	}
	c.op.Lock()
	defer c.op.Unlock()
	return r.stop(ctx, c, grace, why)
}

// StopWithMachine stops the replica as Stop does, for as long as the machine is down: how it ended is forgotten, and so it comes
// back as one does that lost its power.
func (r *Runtime) StopWithMachine(ctx context.Context, id string, grace time.Duration) error {
	c, err := r.get(id)
	if err != nil {
		return err
	}
	c.op.Lock()
	defer c.op.Unlock()
	if err := r.stop(ctx, c, grace, Stopped); err != nil {
		return err
	}
	return shim.ForgetExit(c.dir)
}

func (r *Runtime) stop(ctx context.Context, c *container, grace time.Duration, why string) error {
	run, ended := c.current()
	if c.replica().State != release.StateRunning || run == nil {
		return nil
	}
	_ = c.update(func(rec *record) { rec.Stopped = why }) // a full disk keeps nothing from stopping
	if grace > 0 {
		if err := run.kill(ctx, stopSignal(c.record().Signal)); err != nil && run.alive() {
			return fmt.Errorf("stop replica %s: %w", c.id, err)
		}
		timer := time.NewTimer(grace)
		defer timer.Stop()
		select {
		case <-ended:
			return nil
		case <-timer.C:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
	_, detach := c.attached()
	detach()
	if err := run.kill(ctx, unix.SIGKILL); err != nil && run.alive() {
		return fmt.Errorf("kill replica %s: %w", c.id, err)
	}
	select {
	case <-ended:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

func stopSignal(name string) unix.Signal {
	s, err := signal.ParseSignal(name)
	if err != nil {
		return unix.SIGTERM
	}
	return s
}

// Kill sends a signal to the replica's process.
func (r *Runtime) Kill(ctx context.Context, id string, sig unix.Signal) error {
	c, err := r.get(id)
	if err != nil {
		return err
	}
	run, err := c.running()
	if err != nil {
		return err
	}
	if err := run.kill(ctx, sig); err != nil {
		return fmt.Errorf("signal replica %s: %w", id, err)
	}
	return nil
}

// Wait returns the replica when its process does not run any more.
func (r *Runtime) Wait(ctx context.Context, id string) (release.Replica, error) {
	c, err := r.get(id)
	if err != nil {
		return release.Replica{}, err
	}
	_, ended := c.current()
	select {
	case <-ended:
		return c.replica(), nil
	case <-ctx.Done():
		return release.Replica{}, context.Cause(ctx)
	}
}
