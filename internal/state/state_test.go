package state

import (
	"encoding/json"
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/seaworthyhq/seaworthy/internal/ledger"
	"github.com/seaworthyhq/seaworthy/internal/release"
	"github.com/seaworthyhq/seaworthy/internal/rollout"
)

var local = release.Environment{Project: "shop", Name: "local"}

func TestEqualContentIsTheSameRelease(t *testing.T) {
	db := open(t, t.TempDir())
	r := release.Release{Project: "shop", Bases: []release.Base{{Ref: "busybox", Digest: "sha256:1"}}}
	update(t, db, func(tx Tx) error {
		_, known, err := tx.PutRelease(r, release.Origin{Commit: "c1", Actor: "a"})
		if known {
			t.Error("the first is known")
		}
		return err
	})
	update(t, db, func(tx Tx) error {
		rec, known, err := tx.PutRelease(r, release.Origin{Commit: "c2", Actor: "b"})
		if !known || len(rec.Origins) != 2 || rec.Origin().Commit != "c2" {
			t.Errorf("known %v, origins %+v", known, rec.Origins)
		}
		return err
	})
	update(t, db, func(tx Tx) error {
		rec, _, err := tx.PutRelease(r, release.Origin{Commit: "c2", Actor: "c"})
		if len(rec.Origins) != 2 {
			t.Errorf("the same commit is recorded again: %+v", rec.Origins)
		}
		return err
	})
}

func TestHowAReleaseWasMadeIsKeptAsLongAsTheRelease(t *testing.T) {
	dir := t.TempDir()
	db := open(t, dir)
	id := release.Release{Project: "shop"}.ID()
	update(t, db, func(tx Tx) error { return tx.KeepMaking(id, []string{"COPY"}) })
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	db = open(t, dir)
	update(t, db, func(tx Tx) error {
		var made []string
		if err := tx.Making(id, &made); err != nil || !cmp.Equal(made, []string{"COPY"}) {
			t.Errorf("made by %v: %v", made, err)
		}
		return tx.RemoveRelease(id)
	})
	update(t, db, func(tx Tx) error {
		if err := tx.Making(id, new([]string)); !errors.Is(err, ErrNotFound) {
			t.Errorf("kept: %v", err)
		}
		return nil
	})
}

func TestFindRelease(t *testing.T) {
	db := open(t, t.TempDir())
	const commit = "0123456789abcdef0123456789abcdef01234567"
	a := release.Release{Project: "shop", Bases: []release.Base{{Ref: "a"}}}
	b := release.Release{Project: "shop", Bases: []release.Base{{Ref: "b"}}}
	update(t, db, func(tx Tx) error {
		_, _, err := tx.PutRelease(a, release.Origin{Commit: commit, Tag: "v1"})
		return err
	})
	update(t, db, func(tx Tx) error {
		_, _, err := tx.PutRelease(b, release.Origin{Commit: commit, Dirty: []string{"main.go"}})
		return err
	})
	update(t, db, func(tx Tx) error {
		_, err := tx.StartDeployment(release.Deployment{Environment: local, Number: 1, Release: b.ID()}, rollout.Desired{})
		return err
	})
	for _, tc := range []struct {
		name string
		want release.ID
		kind release.Kind
	}{
		{string(a.ID()), a.ID(), ""},
		{a.ID().Short(), a.ID(), ""},
		{string(a.ID())[2:9], a.ID(), ""},
		{"v1", a.ID(), ""},
		{commit[:7], a.ID(), ""}, // b was made from a dirty tree
		{"local#1", b.ID(), ""},
		{"#1", b.ID(), ""},
		{"local#2", "", release.KindNotFound},
		{"local#x", "", release.KindUsage},
		{"r-", "", release.KindNotFound},
		{"v2", "", release.KindNotFound},
	} {
		t.Run(tc.name, func(t *testing.T) {
			err := db.View(func(tx Tx) error {
				rec, err := tx.FindRelease(local, tc.name)
				if err == nil && rec.ID != tc.want {
					t.Errorf("got %s, want %s", rec.ID, tc.want)
				}
				return err
			})
			if tc.kind == "" && err != nil || tc.kind != "" && release.KindOf(err) != tc.kind {
				t.Errorf("error %v, want kind %q", err, tc.kind)
			}
		})
	}
}

func TestDeploymentsAreListedPerEnvironmentLastFirst(t *testing.T) {
	db := open(t, t.TempDir())
	other := release.Environment{Project: "shop", Name: "local2"} // its name begins with the other's
	update(t, db, func(tx Tx) error {
		for _, env := range []release.Environment{local, other} {
			for n := 1; n <= 300; n++ {
				if _, err := tx.StartDeployment(release.Deployment{Environment: env, Number: n}, rollout.Desired{}); err != nil {
					return err
				}
			}
		}
		return nil
	})
	for _, env := range []release.Environment{local, other} {
		err := db.View(func(tx Tx) error {
			got, err := tx.Deployments(env, 2)
			var numbers []int
			for _, d := range got {
				numbers = append(numbers, d.Number)
				if d.Environment != env {
					t.Errorf("%s is listed under %s", d.Environment, env)
				}
			}
			if diff := cmp.Diff([]int{300, 299}, numbers); diff != "" {
				t.Errorf("%s (-want +got):\n%s", env, diff)
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
}

func TestPendingDeploymentOutlivesTheProcess(t *testing.T) {
	dir := t.TempDir()
	db := open(t, dir)
	d := release.Deployment{Environment: local, Number: 1, Release: "r-1", Result: release.Running, Started: time.Now()}
	update(t, db, func(tx Tx) error {
		_, err := tx.StartDeployment(d, rollout.Desired{Generation: rollout.Generation{Deployment: 1, Release: "r-1"}})
		return err
	})
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	db = open(t, dir)
	update(t, db, func(tx Tx) error {
		e, err := tx.Environment(local)
		if e.Pending == nil || e.Pending.Desired.Generation.Release != "r-1" || e.Last != 1 {
			t.Errorf("after opening again: %+v", e)
		}
		d.Result = release.Succeeded
		return errors.Join(err, tx.EndDeployment(d))
	})
	update(t, db, func(tx Tx) error {
		e, err := tx.Environment(local)
		if e.Pending != nil {
			t.Error("still pending after its end")
		}
		return err
	})
}

func TestADeploymentThatAnotherTookOverHasEnded(t *testing.T) {
	db := open(t, t.TempDir())
	started := time.Now()
	for n := 1; n <= 2; n++ {
		d := release.Deployment{Environment: local, Number: n, Result: release.Running, Started: started}
		update(t, db, func(tx Tx) error { _, err := tx.StartDeployment(d, rollout.Desired{}); return err })
	}
	update(t, db, func(tx Tx) error {
		left, err := tx.Deployment(local, 1)
		if left.Result != release.Cancelled || !left.Ended.Equal(started) || left.Error != "local#2 took over" {
			t.Errorf("the first: %+v", left)
		}
		e, err2 := tx.Environment(local)
		if e.Pending == nil || e.Pending.Deployment.Number != 2 || e.Last != 2 {
			t.Errorf("the environment: %+v", e)
		}
		return errors.Join(err, err2)
	})
}

func verify(tx Tx) error {
	_, err := tx.VerifyLedger()
	return err
}

func TestLedgerShowsWhatWasTamperedWith(t *testing.T) {
	entries := func(db *DB) (all []ledger.Entry) {
		_ = db.View(func(tx Tx) error {
			return tx.Ledger(func(e ledger.Entry) error { all = append(all, e); return nil })
		})
		return all
	}
	tampering := map[string]func(tx Tx) error{
		"changed": func(tx Tx) error {
			var e ledger.Entry
			b := tx.tx.Bucket(bucketLedger)
			k, v := b.Cursor().Seek([]byte{0, 0, 0, 0, 0, 0, 0, 2})
			if err := json.Unmarshal(v, &e); err != nil {
				return err
			}
			e.Actor = "somebody else"
			return put(b, append([]byte(nil), k...), e)
		},
		"removed": func(tx Tx) error {
			return tx.tx.Bucket(bucketLedger).Delete([]byte{0, 0, 0, 0, 0, 0, 0, 2})
		},
	}
	for name, tamper := range tampering {
		t.Run(name, func(t *testing.T) {
			db := open(t, t.TempDir())
			for _, subject := range []string{"one", "two", "three"} {
				update(t, db, func(tx Tx) error {
					return tx.Record(ledger.EnvironmentHeld, local, subject, "a", nil)
				})
			}
			if err := db.View(verify); err != nil || len(entries(db)) != 3 {
				t.Fatalf("before: %v, %d entries", err, len(entries(db)))
			}
			update(t, db, tamper)
			var broken *ledger.BrokenError
			if err := db.View(verify); !errors.As(err, &broken) {
				t.Errorf("not noticed: %v", err)
			}
		})
	}
}

func open(t *testing.T, dir string) *DB {
	t.Helper()
	db, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	return db
}

func update(t *testing.T, db *DB, f func(Tx) error) {
	t.Helper()
	if err := db.Update(f); err != nil {
		t.Fatal(err)
	}
}
