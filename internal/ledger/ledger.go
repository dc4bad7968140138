// Package ledger is the append-only record of what was done to environments: each entry is hashed over the one before,
// so that nothing can be changed, removed or put in between without the chain showing it. It knows how entries are chained and
// kept in a bucket of the engine's database; what entries mean is the business of who writes them.
package ledger

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"time"

	"go.etcd.io/bbolt"

	"github.com/seaworthyhq/seaworthy/internal/release"
)

// Kind says what an entry records.
type Kind string

// The kinds of entries.
const (
	ReleaseMade       Kind = "release"             // Data: release.Origin
	DeploymentStarted Kind = "deployment-started"  // Data: release.Deployment
	DeploymentEnded   Kind = "deployment-ended"    // Data: release.Deployment
	DeploymentGivenUp Kind = "deployment-given-up" // by the entry's actor; it ends with what served before
	EnvironmentHeld   Kind = "held"                // Data: why; after a rollback up refuses until resumed
	EnvironmentFreed  Kind = "resumed"
	ServicesRestarted Kind = "restarted"       // Data: Restart
	VolumesRemoved    Kind = "volumes-removed" // Data: Volumes
	VolumeImported    Kind = "volume-imported" // Data: Volumes
	Collected         Kind = "collected"       // Data: the releases that were forgotten
	BuildFailed       Kind = "build-failed"    // Data: FailedBuild; there is no release
)

// Restart is what an entry about one says.
type Restart struct {
	Services []string `json:"services"`
	Error    string   `json:"error,omitempty"` // why it did not succeed
}

// Volumes is what an entry about data says.
type Volumes struct {
	Names    []string `json:"names"`
	Cause    string   `json:"cause"`              // the verb
	Replaced bool     `json:"replaced,omitempty"` // there was data in them before
}

// FailedBuild is what an entry about one says. It has nothing of what programs wrote but the names of tests.
type FailedBuild struct {
	Origin release.Origin `json:"origin"` // what was to be released
	Steps  []FailedStep   `json:"steps"`  // that failed
	Took   time.Duration  `json:"took"`   // in nanoseconds
	Error  string         `json:"error"`
}

// FailedStep is a step of a build that failed.
type FailedStep struct {
	Key      string           `json:"key"`
	Because  []release.Reason `json:"because,omitempty"` // why it did not come from cache
	Took     time.Duration    `json:"took"`              // in nanoseconds
	Tests    release.Tests    `json:"tests,omitzero"`
	Failures []string         `json:"failures,omitempty"` // names of tests that failed, the first ones
}

// Entry is one record of the ledger.
type Entry struct {
	Sequence    uint64          `json:"seq"` // from 1, without gaps
	Time        time.Time       `json:"time"`
	Kind        Kind            `json:"kind"`
	Environment string          `json:"environment,omitempty"` // project/name
	Subject     string          `json:"subject"`               // release id, or production#42
	Actor       string          `json:"actor"`
	Data        json.RawMessage `json:"data,omitempty"`
	Previous    release.Digest  `json:"previous,omitempty"` // hash of the entry before; empty in the first
	Hash        release.Digest  `json:"hash"`
}

// hash is the digest of the entry's JSON without its own Hash.
func (e Entry) hash() (release.Digest, error) {
	e.Hash = ""
	b, err := json.Marshal(e)
	if err != nil {
		return "", err
	}
	return release.DigestOf(b), nil
}

// Append adds an entry to the chain in bucket, as part of the caller's transaction. It sets Sequence, Previous and Hash.
func Append(bucket *bbolt.Bucket, e Entry) (Entry, error) {
	if _, last := bucket.Cursor().Last(); last != nil {
		var prev Entry
		if err := json.Unmarshal(last, &prev); err != nil {
			return Entry{}, fmt.Errorf("read last ledger entry: %w", err)
		}
		e.Previous = prev.Hash
	}
	seq, err := bucket.NextSequence()
	if err != nil {
		return Entry{}, err
	}
	e.Sequence = seq
	e.Time = e.Time.UTC().Round(0)
	if e.Hash, err = e.hash(); err != nil {
		return Entry{}, fmt.Errorf("hash ledger entry %d: %w", seq, err)
	}
	b, err := json.Marshal(e)
	if err != nil {
		return Entry{}, fmt.Errorf("write ledger entry %d: %w", seq, err)
	}
	return e, bucket.Put(key(seq), b)
}

// Read calls f for each entry from the first to the last, until f returns an error.
func Read(bucket *bbolt.Bucket, f func(Entry) error) error {
	return bucket.ForEach(func(_, v []byte) error {
		var e Entry
		if err := json.Unmarshal(v, &e); err != nil {
			return fmt.Errorf("read ledger entry: %w", err)
		}
		return f(e)
	})
}

// BrokenError says where a chain does not hold.
type BrokenError struct {
	Sequence uint64 // of the first entry that is not what was written
	Reason   string
}

func (e *BrokenError) Error() string {
	return fmt.Sprintf("ledger entry %d %s", e.Sequence, e.Reason)
}

// Verify reads the whole chain, and returns its last entry. The error is a *BrokenError for the first entry that does not follow
// from the one before.
func Verify(bucket *bbolt.Bucket) (last Entry, err error) {
	err = bucket.ForEach(func(k, v []byte) error {
		e, err := follows(last, k, v)
		last = e
		return err
	})
	if err == nil && bucket.Sequence() > last.Sequence { // entries get their numbers from the bucket, which forgets none
		err = &BrokenError{last.Sequence + 1, fmt.Sprintf("is missing: %d entries were written", bucket.Sequence())}
	}
	return last, err
}

// follows reads the entry that is kept under k, which has to be the one after previous.
func follows(previous Entry, k, v []byte) (Entry, error) {
	next := previous.Sequence + 1
	if !bytes.Equal(k, key(next)) {
		return previous, &BrokenError{next, "is missing"}
	}
	var e Entry
	if err := json.Unmarshal(v, &e); err != nil {
		return previous, &BrokenError{next, "cannot be read"}
	}
	hash, err := e.hash()
	if err != nil {
		return previous, err
	}
	whole, err := json.Marshal(e)
	if err != nil {
		return previous, err
	}
	switch {
	case e.Sequence != next:
		return previous, &BrokenError{next, fmt.Sprintf("is entry %d", e.Sequence)}
	case hash != e.Hash || !bytes.Equal(v, whole): // what is not hashed must not be there either
		return previous, &BrokenError{next, "was changed: its content does not have its hash"}
	case e.Previous != previous.Hash:
		return previous, &BrokenError{next, "is chained to another entry than the one before it"}
	}
	return e, nil
}

func key(seq uint64) []byte { return binary.BigEndian.AppendUint64(nil, seq) }
