package runtime

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/seaworthyhq/seaworthy/internal/release"
	"github.com/seaworthyhq/seaworthy/internal/runtime/logfile"
)

// How much is kept of removed replicas.
const (
	keptReplicas = 5 // of each service
	keptFor      = 7 * 24 * time.Hour
)

// buried is the file in a removed replica's log folder that says how it ended. The folder has the replica's ID for a name, and
// behind it the time of its end once another one has come under that ID.
const buried = "replica.json"

// LogLine is one line that a replica wrote.
type LogLine = logfile.Line

// LogOptions say what of a log is read.
type LogOptions struct {
	Since  time.Time
	Tail   int  // the last so many lines; 0: all
	Follow bool // go on until the replica has ended
}

// LogReader reads a replica's log.
type LogReader = logfile.Reader

// LogExit is the stream of a line that says how a replica ended.
const LogExit = logfile.Exit

// OpenLog is a reader of the replica's log, which may have been removed. Close it.
func (r *Runtime) OpenLog(id string, opts LogOptions) (*LogReader, error) {
	dir, err := r.logDir(id)
	if err != nil {
		return nil, err
	}
	return logfile.NewReader(dir, logfile.Options{Since: opts.Since, Tail: opts.Tail}), nil
}

// noteExit says in the replica's log how it ended, before it is started again. A log that cannot be written keeps nothing from
// starting.
func (r *Runtime) noteExit(c *container) {
	rep := c.replica()
	_ = logfile.Note(r.dir.log(c.env, c.id), LogLine{Time: rep.Ended, Stream: LogExit, Line: rep.Detail})
}

// Logs yields what the replica wrote, oldest first, and between its runs how they ended. It may have been removed.
func (r *Runtime) Logs(ctx context.Context, id string, opts LogOptions) iter.Seq2[LogLine, error] {
	dir, err := r.logDir(id)
	if err != nil {
		return func(yield func(LogLine, error) bool) { yield(LogLine{}, err) }
	}
	return logfile.Read(ctx, dir, logfile.Options{
		Since: opts.Since, Tail: opts.Tail, Follow: opts.Follow,
		Ended: func() bool {
			rep, err := r.Replica(id)
			return err != nil || rep.State == release.StateExited
		},
	})
}

func (r *Runtime) logDir(id string) (string, error) {
	c, err := r.get(id)
	if err == nil {
		return r.dir.log(c.env, id), nil
	}
	if validID.MatchString(id) {
		if found, _ := filepath.Glob(filepath.Join(r.dir.logs(), "*", "*", id)); len(found) > 0 { // the pattern is valid
			return found[0], nil
		}
	}
	return "", err
}

// Past is a replica that has been removed, and whose log is kept.
type Past struct {
	release.Replica
	dir string
}

// OpenLog is a reader of what it wrote. Close it.
func (p Past) OpenLog(opts LogOptions) *LogReader {
	return logfile.NewReader(p.dir, logfile.Options{Since: opts.Since, Tail: opts.Tail})
}

// Previous are the replicas of the environment that have been removed and whose logs are kept, the last one first. Several may
// have had the same ID, one after the other.
func (r *Runtime) Previous(env release.Environment) ([]Past, error) {
	all, err := r.past(env)
	return slices.DeleteFunc(all, func(p Past) bool { return r.known(filepath.Base(p.dir)) }), err // is just being removed
}

func (r *Runtime) past(env release.Environment) ([]Past, error) {
	paths, err := filepath.Glob(filepath.Join(r.dir.log(env, "*"), buried))
	if err != nil {
		return nil, err
	}
	var found []Past
	for _, path := range paths {
		rep, err := readBuried(path)
		if errors.Is(err, fs.ErrNotExist) {
			continue // pruned meanwhile
		}
		if err != nil {
			return nil, err
		}
		found = append(found, Past{rep, filepath.Dir(path)})
	}
	slices.SortFunc(found, func(a, b Past) int { return b.Ended.Compare(a.Ended) })
	return found, nil
}

func readBuried(path string) (release.Replica, error) {
	var rep release.Replica
	b, err := os.ReadFile(path)
	if err != nil {
		return rep, err
	}
	if json.Unmarshal(b, &rep) == nil {
		return rep, nil
	}
	// The machine went down before it was on the disk. The log is there, and must be kept and given up as others are.
	info, err := os.Stat(path)
	if err != nil {
		return rep, err
	}
	return release.Replica{ID: filepath.Base(filepath.Dir(path)), State: release.StateExited, Ended: info.ModTime()}, nil
}

// keepLogs says beside the replica's log how it ended, and gives up older ones.
func (r *Runtime) keepLogs(c *container) error {
	dir := r.dir.log(c.env, c.id)
	if _, err := os.Stat(dir); errors.Is(err, fs.ErrNotExist) {
		return nil // it never ran
	}
	rep := c.replica()
	if rep.Ended.IsZero() {
		rep.Ended = time.Now()
	}
	if err := writeJSON(filepath.Join(dir, buried), rep); err != nil {
		return err
	}
	return r.pruneEnvironmentLogs(c.env)
}

// setLogAside makes room for the log of a replica where one of the same ID was removed before: each has a log of its own.
func (r *Runtime) setLogAside(c *container) error {
	dir := r.dir.log(c.env, c.id)
	before, err := readBuried(filepath.Join(dir, buried))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	return os.Rename(dir, fmt.Sprintf("%s@%d", dir, before.Ended.UnixNano()))
}

func (r *Runtime) pruneLogs() error {
	dirs, err := filepath.Glob(filepath.Join(r.dir.logs(), "*", "*"))
	if err != nil {
		return err
	}
	var errs []error
	for _, dir := range dirs {
		env := release.Environment{Project: filepath.Base(filepath.Dir(dir)), Name: filepath.Base(dir)}
		errs = append(errs, r.pruneEnvironmentLogs(env))
	}
	return errors.Join(errs...)
}

func (r *Runtime) pruneEnvironmentLogs(env release.Environment) error {
	kept, err := r.past(env)
	if err != nil {
		return err
	}
	seen := map[string]int{}
	var errs []error
	for _, p := range kept {
		seen[p.Service]++
		old := seen[p.Service] > keptReplicas || time.Since(p.Ended) > keptFor
		if old && !r.known(filepath.Base(p.dir)) {
			errs = append(errs, os.RemoveAll(p.dir))
		}
	}
	return errors.Join(errs...)
}
