// Package state is the engine's database: what should be. Releases, environments, deployments and the ledger live in one
// file, so that a change of desired state and its ledger entry are one transaction. What is observed (replicas, routes,
// addresses) is not kept here; it can be derived again.
package state

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"runtime/debug"
	"time"

	bberrors "go.etcd.io/bbolt/errors"

	"go.etcd.io/bbolt"

	"github.com/seaworthyhq/seaworthy/internal/ledger"
	"github.com/seaworthyhq/seaworthy/internal/release"
)

// ErrNotFound means that the database has no such thing.
var ErrNotFound = errors.New("not found")

var (
	bucketReleases     = []byte("releases")     // id -> Record
	bucketMakings      = []byte("makings")      // id of a release -> what KeepMaking was given; id/times -> its times
	bucketSteps        = []byte("steps")        // project NUL key of a step -> Step; project NUL -> when steps came from cache
	bucketEnvironments = []byte("environments") // project/name -> Environment
	bucketDeployments  = []byte("deployments")  // project/name NUL number -> release.Deployment
	bucketLedger       = []byte("ledger")       // sequence -> ledger.Entry
)

// DB is the engine's database. It may be used by several goroutines.
type DB struct {
	db *bbolt.DB
}

// Open opens, or makes, the database in dir. Only one process can hold it; Open waits for the other for a second.
func Open(dir string) (_ *DB, err error) {
	path := filepath.Join(dir, "state.db")
	defer func() { // what is missing of the file is a fault in memory, and what makes no sense a panic
		if damage := recover(); damage != nil {
			err = damaged(path, damage)
		}
	}()
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	db, err := bbolt.Open(path, 0o600, &bbolt.Options{Timeout: time.Second, FreelistType: bbolt.FreelistMapType})
	if errors.Is(err, bberrors.ErrInvalid) || errors.Is(err, bberrors.ErrChecksum) || errors.Is(err, bberrors.ErrVersionMismatch) {
		return nil, damaged(path, err)
	}
	if err != nil {
		return nil, fmt.Errorf("open database %s: %w", path, err)
	}
	err = db.Update(func(tx *bbolt.Tx) error {
		for _, name := range [][]byte{bucketReleases, bucketMakings, bucketSteps, bucketEnvironments, bucketDeployments, bucketLedger} {
			if _, err := tx.CreateBucketIfNotExists(name); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return nil, errors.Join(fmt.Errorf("prepare database %s: %w", path, err), db.Close())
	}
	return &DB{db: db}, nil
}

func damaged(path string, why any) error {
	return &release.UserError{
		Kind: release.KindEngine, Err: fmt.Errorf("database %s is damaged: %v", path, why),
		Hint: "put back a copy of it; images, volumes and what runs are beside it and whole",
	}
}

// Close waits for running transactions and closes the file.
func (d *DB) Close() error { return d.db.Close() }

// Tx is one transaction.
type Tx struct {
	tx *bbolt.Tx
}

// View runs f in a transaction that only reads.
func (d *DB) View(f func(Tx) error) error {
	return d.db.View(func(tx *bbolt.Tx) error { return f(Tx{tx}) })
}

// Update runs f in a transaction that is kept as a whole, durably, or, if f returns an error, not at all.
func (d *DB) Update(f func(Tx) error) error {
	return d.db.Update(func(tx *bbolt.Tx) error { return f(Tx{tx}) })
}

// Record appends an entry to the ledger.
func (t Tx) Record(kind ledger.Kind, env release.Environment, subject, actor string, data any) error {
	raw, err := json.Marshal(data)
	if err != nil {
		return fmt.Errorf("record %s %s: %w", kind, subject, err)
	}
	e := ledger.Entry{Time: time.Now(), Kind: kind, Subject: subject, Actor: actor, Data: raw}
	if env != (release.Environment{}) {
		e.Environment = env.String()
	}
	_, err = ledger.Append(t.tx.Bucket(bucketLedger), e)
	return err
}

// Ledger calls f for each entry from the first to the last.
func (t Tx) Ledger(f func(ledger.Entry) error) error {
	return ledger.Read(t.tx.Bucket(bucketLedger), f)
}

// VerifyLedger reads the whole chain; see ledger.Verify.
func (t Tx) VerifyLedger() (last ledger.Entry, err error) {
	return ledger.Verify(t.tx.Bucket(bucketLedger))
}

func put(b *bbolt.Bucket, key []byte, v any) error {
	raw, err := json.Marshal(v)
	if err != nil {
		return err
	}
	return b.Put(key, raw)
}

func get(b *bbolt.Bucket, key []byte, v any) error {
	raw := b.Get(key)
	if raw == nil {
		return fmt.Errorf("%s: %w", key, ErrNotFound)
	}
	return json.Unmarshal(raw, v)
}

func deploymentKey(env release.Environment, number int) []byte {
	k := append([]byte(env.String()), 0)
	return binary.BigEndian.AppendUint64(k, uint64(number))
}
