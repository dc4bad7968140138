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

// buried is the file in a removed replica's log folder that says how it ended.
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

// Previous are the replicas of the environment that have been removed and whose logs are kept, the last one first.
func (r *Runtime) Previous(env release.Environment) ([]release.Replica, error) {
	paths, err := filepath.Glob(filepath.Join(r.dir.log(env, "*"), buried))
	if err != nil {
		return nil, err
	}
	var found []release.Replica
	for _, path := range paths {
		rep, err := readBuried(path)
		if errors.Is(err, fs.ErrNotExist) {
			continue // pruned meanwhile
		}
		if err != nil {
			return nil, err
		}
		found = append(found, rep)
	}
	slices.SortFunc(found, func(a, b release.Replica) int { return b.Ended.Compare(a.Ended) })
	return found, nil
}

func readBuried(path string) (release.Replica, error) {
	var rep release.Replica
	b, err := os.ReadFile(path)
	if err != nil {
		return rep, err
	}
	if err := json.Unmarshal(b, &rep); err != nil {
		return rep, fmt.Errorf("read %s: %w", path, err)
	}
	return rep, nil
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
	previous, err := r.Previous(env)
	if err != nil {
		return err
	}
	seen := map[string]int{}
	var errs []error
	for _, rep := range previous {
		seen[rep.Service]++
		old := seen[rep.Service] > keptReplicas || time.Since(rep.Ended) > keptFor
		if old && !r.known(rep.ID) {
			errs = append(errs, os.RemoveAll(r.dir.log(env, rep.ID)))
		}
	}
	return errors.Join(errs...)
}
