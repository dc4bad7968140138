package runtime

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/seaworthyhq/seaworthy/internal/release"
	"github.com/seaworthyhq/seaworthy/internal/runtime/shim"
)

// Spec says what replica is to be made.
type Spec struct {
	// ID names the replica. The caller derives it from what the replica is for, so that asking again finds it.
	ID          string              `json:"id"`
	Environment release.Environment `json:"environment"`
	Service     release.Service     `json:"service"`
	Deployment  int                 `json:"deployment"`
	Release     release.ID          `json:"release,omitempty"`
	Index       int                 `json:"index"`
	// Digest of the configuration; empty: the service's own.
	Digest release.Digest `json:"digest"`
	// OneOff is a replica beside those that serve, for one command: it counts as none of the service's, and the next engine
	// removes it.
	OneOff bool `json:"oneOff,omitempty"`
	// Size of a one-off's terminal.
	Size Size `json:"size,omitzero"`
	// Secrets are the values of the service's secrets, by name. They are kept in memory only.
	Secrets map[string][]byte `json:"-"`
}

// record is what is known of a replica beside what its shim and the kernel know. It lies in the replica's directory.
type record struct {
	Spec      Spec       `json:"spec"`
	Ready     bool       `json:"ready"` // false: whoever was making it has not finished
	Addresses []endpoint `json:"addresses,omitempty"`
	Signal    string     `json:"signal"` // asks it to stop
	Created   time.Time  `json:"created"`
	Started   time.Time  `json:"started,omitzero"`
	Restarts  int        `json:"restarts,omitempty"`
	Stopped   string     `json:"stopped,omitempty"` // why it was asked to stop; empty: nobody has asked
}

type endpoint struct {
	Network string     `json:"network"`
	IP      netip.Addr `json:"ip"`
}

const recordFile = "container.json"

// save replaces the record. It is not flushed: what a power cut undoes has ended with it.
func (rec record) save(dir string) error {
	b, err := json.Marshal(rec)
	if err != nil {
		return err
	}
	tmp := filepath.Join(dir, "."+recordFile)
	if err := os.WriteFile(tmp, b, 0o600); err != nil {
		return fmt.Errorf("write record: %w", err)
	}
	return os.Rename(tmp, filepath.Join(dir, recordFile))
}

func loadRecord(dir string) (record, error) {
	var rec record
	b, err := os.ReadFile(filepath.Join(dir, recordFile))
	if err != nil {
		return rec, err
	}
	if err := json.Unmarshal(b, &rec); err != nil {
		return rec, fmt.Errorf("read record: %w", err)
	}
	return rec, nil
}

// container is a replica in this process.
type container struct {
	id  string
	env release.Environment
	dir string
	// adopted is a container that a former engine has made: a restart of the machine may have taken what it is made of.
	adopted bool

	// op serialises what is done to the replica; held over I/O.
	op sync.Mutex

	mu    sync.Mutex // guards what is below
	rec   record
	state release.State
	exit  shim.Exit
	known bool          // exit is what its shim has written
	run   *run          // the shim, while there is one
	ended chan struct{} // closed while the process does not run

	// Of a one-off: drain waits until the caller has what it wrote, for its shim gives that up soon, and detach ends the wait.
	drain, detach func()
}

func newContainer(rec record, dir string) *container {
	ended := make(chan struct{})
	close(ended)
	return &container{
		id: rec.Spec.ID, env: rec.Spec.Environment, dir: dir, rec: rec, state: release.StateCreated, ended: ended,
	}
}

func (c *container) replica() release.Replica {
	c.mu.Lock()
	defer c.mu.Unlock()
	s := c.rec.Spec
	rep := release.Replica{
		ID: s.ID, Service: s.Service.Name, Index: s.Index, Spec: s.Digest, Deployment: s.Deployment, Release: s.Release,
		Image: s.Service.Image, State: c.state, Health: release.HealthUnchecked,
		Restarts: c.rec.Restarts, Started: c.rec.Started, StopGrace: s.Service.StopGrace,
	}
	if len(c.rec.Addresses) > 0 {
		rep.IP = c.rec.Addresses[0].IP.String()
	}
	if c.state == release.StateExited {
		rep.ExitCode, rep.ExitKnown, rep.OOMKilled, rep.Ended = c.exit.Code, c.known, c.exit.OOMKilled, c.exit.Time
		rep.Detail = exitDetail(c.exit, c.known)
		if c.rec.Stopped != "" {
			rep.Stopped = true
			rep.Detail = c.rec.Stopped + " (" + rep.Detail + ")"
		}
	}
	return rep
}

func exitDetail(e shim.Exit, known bool) string {
	switch {
	case !known:
		return "it ended while nobody watched"
	case e.OOMKilled:
		return "killed by the kernel: it wanted more memory than its limit"
	default:
		return fmt.Sprintf("exited with code %d", e.Code)
	}
}

func (c *container) oneOff() bool { return c.record().Spec.OneOff }

// snapshot of the record, for use outside the lock.
func (c *container) record() record {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.rec
}

func (c *container) update(change func(rec *record)) error {
	c.mu.Lock()
	change(&c.rec)
	rec := c.rec
	c.mu.Unlock()
	return rec.save(c.dir)
}

// current is the live shim, or nil, and what is closed when the process ends.
func (c *container) current() (*run, <-chan struct{}) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.run, c.ended
}

// started says that the process runs under that shim.
func (c *container) started(r *run) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.run, c.state, c.exit, c.known, c.ended = r, release.StateRunning, shim.Exit{}, false, make(chan struct{})
}

// finished says how the process ended.
func (c *container) finished(e shim.Exit, known bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.state == release.StateRunning {
		close(c.ended)
	}
	c.run, c.state, c.exit, c.known = nil, release.StateExited, e, known
}

func (c *container) attach(drain, detach func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.drain, c.detach = drain, detach
}

func (c *container) attached() (drain, detach func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.drain == nil {
		return func() {}, func() {}
	}
	return c.drain, c.detach
}

// letGo closes the connection to the shim, which goes on.
func (c *container) letGo() error {
	c.mu.Lock()
	run := c.run
	c.mu.Unlock()
	if run == nil {
		return nil
	}
	return run.close()
}

var errNotRunning = errors.New("it does not run")

func (c *container) running() (*run, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.state != release.StateRunning || c.run == nil {
		return nil, &release.UserError{
			Kind: release.KindConflict, Err: fmt.Errorf("replica %s: %w", c.id, errNotRunning), Hint: "see why: " + c.env.Command("logs --previous"),
		}
	}
	return c.run, nil
}
