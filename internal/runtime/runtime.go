// Package runtime owns what runs: containers with their networks, volumes, logs and processes. It makes a replica of a
// service exactly as release.Service says and reports what it observes; when replicas start, stop or are replaced is
// decided elsewhere.
//
// Each replica has a shim of its own (package shim) that outlives the engine, and a directory that holds all that is known
// of it. What is recorded there is written before it is done, so that New finds, adopts or clears whatever a killed engine
// has left.
package runtime

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"net/netip"
	"os"
	"path/filepath"
	goruntime "runtime"
	"slices"
	"strings"
	"sync"

	"golang.org/x/sync/errgroup"
	"golang.org/x/sys/unix"

	"github.com/seaworthyhq/seaworthy/internal/release"
	"github.com/seaworthyhq/seaworthy/internal/runtime/network"
	"github.com/seaworthyhq/seaworthy/internal/runtime/shim"
	"github.com/seaworthyhq/seaworthy/internal/store"
)

// Config of a Runtime. Only Root and Binary have no default.
type Config struct {
	// Root is the engine's state root.
	Root string
	// Binary is the running seaworthy. A copy of it is the shim where no small one is embedded.
	Binary string
	// OCIRuntime is the program that runs containers, runc or crun. Empty: crun where it is installed, else runc.
	OCIRuntime string

	Subnets      netip.Prefix // pool of networks
	VIPs         netip.Prefix // pool of stable addresses
	RedirectPort int          // where connections to stable addresses are taken to

	DefaultMemory int64   // bytes a replica may take that has no limit of its own; 0: half of the machine
	DefaultCPUs   float64 // cores; 0: nine tenths of the machine, so that engine and edge get their turn
	DefaultPIDs   int64   // 0: 4096
}

// Runtime runs the replicas of one engine.
type Runtime struct {
	cfg      Config
	store    *store.Store
	networks *network.Manager
	volumes  volumes
	programs programs
	oci      ociRuntime
	dir      layout

	mu         sync.Mutex // guards what is below
	containers map[string]*container
	watchers   map[*watcher]struct{}

	// cgroups is held for reading while a cgroup is made and for writing while empty parents are removed.
	cgroups sync.RWMutex
	closing context.Context
	close   context.CancelFunc
	waiters sync.WaitGroup
}

// layout is where things lie on disk.
type layout struct {
	root string // kept across reboots
	run  string // gone with a reboot; short, since it holds sockets
	tag  string // tells this engine's bridges, chains and cgroups from another's
}

func layoutOf(root string) (layout, error) {
	root, err := filepath.Abs(root)
	if err != nil {
		return layout{}, err
	}
	sum := sha256.Sum256([]byte(root))
	tag := hex.EncodeToString(sum[:])[:4]
	return layout{root: root, run: filepath.Join("/run/seaworthy", hex.EncodeToString(sum[:])[:12]), tag: tag}, nil
}

func (l layout) containers() string         { return filepath.Join(l.root, "containers") }
func (l layout) container(id string) string { return filepath.Join(l.containers(), id) }
func (l layout) logs() string               { return filepath.Join(l.root, "logs") }
func (l layout) log(e release.Environment, id string) string {
	return filepath.Join(l.logs(), e.Project, e.Name, id)
}
func (l layout) fifos() string { return filepath.Join(l.run, "io") }

// scratch is where crun has a file for a moment whenever it starts. One that is killed leaves it.
func (l layout) scratch() string { return filepath.Join(l.run, "tmp") }

// socket is a path of fixed length: a socket's may have 108 characters.
func (l layout) socket(id string) string {
	sum := sha256.Sum256([]byte(id))
	return filepath.Join(l.run, "s", hex.EncodeToString(sum[:])[:24])
}

// cgroup is the path of a replica's cgroup, in each hierarchy.
func (l layout) cgroup(e release.Environment, id string) string {
	return filepath.Join(l.cgroups(), e.Project, e.Name, id)
}
func (l layout) cgroups() string { return filepath.Join("/seaworthy", l.tag) }

// New adopts the replicas that run, and clears what belongs to none.
func New(ctx context.Context, s *store.Store, cfg Config) (*Runtime, error) {
	if err := findTools(); err != nil {
		return nil, err
	}
	if err := withDefaults(&cfg); err != nil {
		return nil, err
	}
	dir, err := layoutOf(cfg.Root)
	if err != nil {
		return nil, err
	}
	r := &Runtime{
		cfg: cfg, store: s, dir: dir, volumes: volumes{root: filepath.Join(dir.root, "volumes")},
		containers: map[string]*container{}, watchers: map[*watcher]struct{}{},
	}
	r.closing, r.close = context.WithCancel(context.WithoutCancel(ctx))
	for _, left := range []string{dir.fifos(), dir.scratch()} { // by callers that have gone with the former engine
		if err := os.RemoveAll(left); err != nil {
			return nil, fmt.Errorf("lay out runtime: %w", err)
		}
	}
	for _, path := range []string{dir.containers(), dir.logs(), dir.fifos(), dir.scratch(), filepath.Dir(dir.socket("")), dir.runtimeRoot(runc), dir.runtimeRoot(crun), r.volumes.root} {
		if err := os.MkdirAll(path, 0o700); err != nil {
			return nil, fmt.Errorf("lay out runtime: %w", err)
		}
	}
	if r.programs, err = installPrograms(filepath.Join(dir.root, "bin"), cfg.Binary); err != nil {
		return nil, fmt.Errorf("install shim: %w", err)
	}
	if r.oci, err = r.chooseRuntime(ctx, cfg.OCIRuntime); err != nil {
		return nil, err
	}
	r.networks, err = network.Open(network.Config{
		Dir: filepath.Join(dir.root, "networks"), RunDir: filepath.Join(dir.run, "netns"), Tag: dir.tag,
		Subnets: cfg.Subnets, VIPs: cfg.VIPs, RedirectPort: cfg.RedirectPort,
	})
	if err != nil {
		return nil, fmt.Errorf("open networks: %w", err)
	}
	if err := r.adopt(ctx); err != nil {
		return nil, fmt.Errorf("adopt replicas: %w", err)
	}
	return r, nil
}

func withDefaults(cfg *Config) error {
	if cfg.DefaultMemory == 0 {
		var info unix.Sysinfo_t
		if err := unix.Sysinfo(&info); err != nil {
			return fmt.Errorf("measure memory: %w", err)
		}
		cfg.DefaultMemory = int64(info.Totalram) * int64(info.Unit) / 2
	}
	if cfg.DefaultCPUs == 0 {
		cfg.DefaultCPUs = 0.9 * float64(goruntime.NumCPU())
	}
	if cfg.DefaultPIDs == 0 {
		cfg.DefaultPIDs = 4096
	}
	return nil
}

// Close lets go of the replicas; they run on, and the next New adopts them.
func (r *Runtime) Close() error {
	r.close()
	var group errgroup.Group
	for _, c := range r.all() {
		group.Go(func() error { return c.letGo() })
	}
	err := group.Wait()
	r.waiters.Wait()
	r.mu.Lock()
	defer r.mu.Unlock()
	for w := range r.watchers {
		w.end()
	}
	r.watchers = nil
	if len(r.containers) == 0 {
		removeEmptyFolders(r.dir.run)
	}
	return err
}

// removeEmptyFolders removes dir and the folders in it, as far as there is nothing in them.
func removeEmptyFolders(dir string) {
	var all []string
	_ = filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error { // what cannot be read is not empty
		if err == nil && e.IsDir() {
			all = append(all, path)
		}
		return nil
	})
	for _, path := range slices.Backward(all) {
		_ = os.Remove(path) // fails where something is in it
	}
}

// BuildNetwork gives RUN steps of builds their network.
func (r *Runtime) BuildNetwork() *network.Manager { return r.networks }

// EnsureNetwork makes a network of the environment, or finds it.
func (r *Runtime) EnsureNetwork(ctx context.Context, env release.Environment, n release.Network) (network.Network, error) {
	return r.networks.Ensure(ctx, env, n)
}

// RepairNetworks writes the firewall rules of networks again where somebody else has flushed them, and reports whether that was so.
func (r *Runtime) RepairNetworks(ctx context.Context) (bool, error) { return r.networks.Repair(ctx) }

// RemoveNetwork removes a network; one that is not there is no error.
func (r *Runtime) RemoveNetwork(ctx context.Context, env release.Environment, name string) error {
	return r.networks.Remove(ctx, env, name)
}

// Networks are the networks of all environments.
func (r *Runtime) Networks() []network.Network { return r.networks.List() }

// ErrNotFound is the cause of an error about a replica that is not there.
var ErrNotFound = errors.New("no such replica")

// ErrExists is the cause of an error about a replica that is there already.
var ErrExists = errors.New("replica exists")

func (r *Runtime) get(id string) (*container, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if c, ok := r.containers[id]; ok {
		return c, nil
	}
	return nil, &release.UserError{
		Kind: release.KindNotFound, Err: fmt.Errorf("%w: %s", ErrNotFound, id), Hint: "seaworthy status --all lists what runs",
	}
}

func (r *Runtime) all() []*container {
	r.mu.Lock()
	defer r.mu.Unlock()
	all := make([]*container, 0, len(r.containers))
	for _, c := range r.containers {
		all = append(all, c)
	}
	slices.SortFunc(all, func(a, b *container) int { return strings.Compare(a.id, b.id) })
	return all
}

func (r *Runtime) forget(id string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.containers, id)
}

// Replicas are the replicas of the environment as they are now, without one-offs. Their health is for the caller to say.
func (r *Runtime) Replicas(env release.Environment) []release.Replica {
	return r.replicas(env, func(c *container) bool { return !c.oneOff() })
}

func (r *Runtime) replicas(env release.Environment, wanted func(*container) bool) []release.Replica {
	var found []release.Replica
	for _, c := range r.all() {
		if c.env == env && wanted(c) {
			found = append(found, c.replica())
		}
	}
	return found
}

// Replica is one replica as it is now.
func (r *Runtime) Replica(id string) (release.Replica, error) {
	c, err := r.get(id)
	if err != nil {
		return release.Replica{}, err
	}
	return c.replica(), nil
}

// Environments are those that have a replica that is no one-off.
func (r *Runtime) Environments() []release.Environment {
	var found []release.Environment
	for _, c := range r.all() {
		if !c.oneOff() && !slices.Contains(found, c.env) {
			found = append(found, c.env)
		}
	}
	return found
}

// shimDir is where the shim of a replica runs and writes its exit.
func (r *Runtime) shimDir(id string) string { return r.dir.container(id) }

func (r *Runtime) bundle(id string) string { return filepath.Join(r.dir.container(id), shim.BundleDir) }
