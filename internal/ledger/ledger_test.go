package ledger

import (
	"encoding/json"
	"errors"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.etcd.io/bbolt"
)

// inChain runs f on a chain of four entries.
func inChain(t *testing.T, f func(*bbolt.Bucket)) {
	t.Helper()
	db, err := bbolt.Open(filepath.Join(t.TempDir(), "ledger.db"), 0o600, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	err = db.Update(func(tx *bbolt.Tx) error {
		b, err := tx.CreateBucket([]byte("ledger"))
		if err != nil {
			return err
		}
		for _, subject := range []string{"one", "two", "three", "four"} {
			e := Entry{Time: time.Now(), Kind: ReleaseMade, Subject: subject, Actor: "a", Data: json.RawMessage(`{"commit": "<c>"}`)}
			if _, err := Append(b, e); err != nil {
				return err
			}
		}
		f(b)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestAChainIsWhole(t *testing.T) {
	inChain(t, func(b *bbolt.Bucket) {
		last, err := Verify(b)
		if err != nil || last.Sequence != 4 || last.Subject != "four" {
			t.Errorf("%v, last is %+v", err, last)
		}
		var subjects []string
		if err := Read(b, func(e Entry) error { subjects = append(subjects, e.Subject); return nil }); err != nil {
			t.Error(err)
		}
		if diff := cmp.Diff([]string{"one", "two", "three", "four"}, subjects); diff != "" {
			t.Errorf("entries (-want +got):\n%s", diff)
		}
	})
}

func TestTamperingShows(t *testing.T) {
	value := func(b *bbolt.Bucket, seq uint64) []byte { return append([]byte(nil), b.Get(key(seq))...) }
	change := func(b *bbolt.Bucket, seq uint64, change func(*Entry)) error {
		var e Entry
		if err := json.Unmarshal(value(b, seq), &e); err != nil {
			return err
		}
		change(&e)
		v, err := json.Marshal(e)
		if err != nil {
			return err
		}
		return b.Put(key(seq), v)
	}
	rehash := func(e *Entry) { e.Hash, _ = e.hash() }
	for name, row := range map[string]struct {
		tamper func(*bbolt.Bucket) error
		where  uint64
		why    string
	}{
		"changed": {func(b *bbolt.Bucket) error {
			return change(b, 2, func(e *Entry) { e.Actor = "somebody else" })
		}, 2, "was changed"},
		"changed with its hash": {func(b *bbolt.Bucket) error {
			return change(b, 2, func(e *Entry) { e.Actor = "somebody else"; rehash(e) })
		}, 3, "chained to another"},
		"data changed": {func(b *bbolt.Bucket) error {
			return change(b, 3, func(e *Entry) { e.Data = json.RawMessage(`{}`) })
		}, 3, "was changed"},
		"something added to an entry": {func(b *bbolt.Bucket) error {
			return b.Put(key(3), []byte(strings.Replace(string(value(b, 3)), "{", `{"note":"x",`, 1)))
		}, 3, "was changed"},
		"not readable":      {func(b *bbolt.Bucket) error { return b.Put(key(1), []byte("{")) }, 1, "cannot be read"},
		"first removed":     {func(b *bbolt.Bucket) error { return b.Delete(key(1)) }, 1, "is missing"},
		"one removed":       {func(b *bbolt.Bucket) error { return b.Delete(key(2)) }, 2, "is missing"},
		"last removed":      {func(b *bbolt.Bucket) error { return b.Delete(key(4)) }, 4, "is missing"},
		"two change places": {func(b *bbolt.Bucket) error { return errors.Join(swap(b, 2, 3, value)...) }, 2, "is entry 3"},
		"one put in between": {func(b *bbolt.Bucket) error {
			return change(b, 3, func(e *Entry) { e.Previous = ""; rehash(e) })
		}, 3, "chained to another"},
	} {
		t.Run(name, func(t *testing.T) {
			inChain(t, func(b *bbolt.Bucket) {
				if err := row.tamper(b); err != nil {
					t.Fatal(err)
				}
				_, err := Verify(b)
				broken, ok := errors.AsType[*BrokenError](err)
				if !ok || broken.Sequence != row.where || !strings.Contains(broken.Reason, row.why) {
					t.Errorf("got %v, want entry %d: %s", err, row.where, row.why)
				}
			})
		})
	}
}

func swap(b *bbolt.Bucket, one, other uint64, value func(*bbolt.Bucket, uint64) []byte) []error {
	x, y := value(b, one), value(b, other)
	return []error{b.Put(key(one), y), b.Put(key(other), x)}
}
