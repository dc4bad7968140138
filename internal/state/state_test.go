package state

import (
	"encoding/json"
	"errors"
	"strings"
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
	tested := []release.Check{{Stage: "test", Result: release.CheckPassed, Tests: release.Tests{Total: 142}}}
	fromCache := []release.Check{{Stage: "test", Result: release.CheckPassed}}
	update(t, db, func(tx Tx) error {
		_, known, err := tx.PutRelease(r, release.Origin{Commit: "c1", Actor: "a"})
		if known {
			t.Error("the first is known")
		}
		return err
	})
	update(t, db, func(tx Tx) error {
		rec, known, err := tx.PutRelease(r, release.Origin{Commit: "c2", Actor: "b", Checks: tested})
		if !known || len(rec.Origins) != 2 || rec.Origin().Commit != "c2" {
			t.Errorf("known %v, origins %+v", known, rec.Origins)
		}
		return err
	})
	update(t, db, func(tx Tx) error {
		rec, _, err := tx.PutRelease(r, release.Origin{Commit: "c2", Actor: "c", Checks: fromCache})
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

// What was kept before there were times is read as it was.
func TestHowLongAReleaseTookIsKeptAsLongAsTheRelease(t *testing.T) {
	dir := t.TempDir()
	db := open(t, dir)
	id := release.Release{Project: "shop"}.ID()
	want := release.Times{
		Steps: []release.StepRun{{Key: "stage:web", State: "done", Started: time.Unix(1, 0).UTC(), Ended: time.Unix(2, 0).UTC()}},
		Path:  []release.Leg{{Step: "stage:web", Line: 2, Spell: release.Spell{Started: time.Unix(1, 0).UTC(), Ended: time.Unix(2, 0).UTC()}}},
		Took:  time.Second,
	}
	times := func(tx Tx) release.Times {
		got, err := tx.Times(id)
		if err != nil {
			t.Error(err)
		}
		return got
	}
	update(t, db, func(tx Tx) error {
		if got := times(tx); len(got.Steps) > 0 {
			t.Errorf("times of what has none: %+v", got)
		}
		return tx.KeepMaking(id, []string{"COPY"})
	})
	update(t, db, func(tx Tx) error { return tx.KeepTimes(id, want) })
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	db = open(t, dir)
	update(t, db, func(tx Tx) error {
		if diff := cmp.Diff(want, times(tx)); diff != "" {
			t.Errorf("-want +got:\n%s", diff)
		}
		if err := tx.Making(id, new([]string)); err != nil {
			t.Error(err)
		}
		return tx.RemoveRelease(id)
	})
	update(t, db, func(tx Tx) error {
		if got := times(tx); len(got.Steps) > 0 {
			t.Errorf("kept: %+v", got)
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

func TestOfSeveralReleasesThatHaveTheNameTheOneForTheEnvironmentIsFound(t *testing.T) {
	db := open(t, t.TempDir())
	made := func(env, base string) release.Release {
		return release.Release{Project: "shop", Bases: []release.Base{{Ref: base}}, Environments: map[string]release.Config{env: {}}}
	}
	ours, staging := made("local", "a"), made("staging", "a")
	put := func(r release.Release) {
		update(t, db, func(tx Tx) error {
			_, _, err := tx.PutRelease(r, release.Origin{Commit: "0123456789", Tag: "v1", Time: time.Date(2026, 11, 2, 9, 0, 0, 0, time.Local)})
			return err
		})
	}
	find := func(env, name string) (found Record, err error) {
		err = db.View(func(tx Tx) error {
			found, err = tx.FindRelease(release.Environment{Project: "shop", Name: env}, name)
			return err
		})
		return found, err
	}
	put(ours)
	put(staging)
	for _, name := range []string{"v1", "0123456"} {
		if found, err := find("staging", name); err != nil || found.ID != staging.ID() {
			t.Errorf("%s in staging is %s: %v", name, found.ID, err)
		}
	}
	put(made("staging", "b"))
	_, err := find("staging", "v1")
	user, ok := errors.AsType[*release.UserError](err)
	if !ok || strings.Count(user.Detail, "made 2026-11-02 09:00:00 for staging") != 2 || strings.Contains(user.Detail, ours.ID().Short()) {
		t.Errorf("two of the same commit: %+v", err)
	}
	if found, err := find("local", "v1"); err != nil || found.ID != ours.ID() {
		t.Errorf("v1 in local is %s: %v", found.ID, err)
	}
}

func TestACollectedReleaseNamesThoseThatAreKept(t *testing.T) {
	db := open(t, t.TempDir())
	kept := release.Release{Project: "shop", Bases: []release.Base{{Ref: "kept"}}}
	update(t, db, func(tx Tx) error {
		if _, _, err := tx.PutRelease(kept, release.Origin{}); err != nil {
			return err
		}
		for n, id := range []release.ID{"r-0123456789abcdef", kept.ID()} {
			d := release.Deployment{Environment: local, Number: n + 1, Release: id, Result: release.Succeeded}
			if _, err := tx.StartDeployment(d, rollout.Desired{}); err != nil {
				return err
			}
		}
		_, err := tx.FindRelease(local, "#1")
		if user, ok := errors.AsType[*release.UserError](err); !ok || !strings.Contains(user.Hint, "these are kept: "+kept.ID().Short()+" (local#2);") {
			t.Errorf("%+v", err)
		}
		return nil
	})
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
