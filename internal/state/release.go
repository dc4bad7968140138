package state

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"github.com/seaworthyhq/seaworthy/internal/ledger"
	"github.com/seaworthyhq/seaworthy/internal/release"
)

// Record is a release and where it was made from. Equal content made again adds an origin, not a record.
type Record struct {
	ID      release.ID       `json:"id"`
	Release release.Release  `json:"release"`
	Origins []release.Origin `json:"origins"` // oldest first
}

// Origin is where the release was made from last.
func (r Record) Origin() release.Origin {
	if len(r.Origins) == 0 {
		return release.Origin{}
	}
	return r.Origins[len(r.Origins)-1]
}

// PutRelease records a release and says whether equal content was known before. A known release from the same commit with
// the same dirty paths and checks is not recorded again.
func (t Tx) PutRelease(r release.Release, origin release.Origin) (Record, bool, error) {
	id := r.ID()
	rec := Record{ID: id, Release: r}
	known := get(t.tx.Bucket(bucketReleases), []byte(id), &rec) == nil
	if known && slices.ContainsFunc(rec.Origins, sameSource(origin)) {
		return rec, true, nil
	}
	rec.Origins = append(rec.Origins, origin)
	if err := put(t.tx.Bucket(bucketReleases), []byte(id), rec); err != nil {
		return rec, known, fmt.Errorf("record release %s: %w", id.Short(), err)
	}
	return rec, known, t.Record(ledger.ReleaseMade, release.Environment{}, string(id), origin.Actor, origin)
}

func sameSource(o release.Origin) func(release.Origin) bool {
	return func(other release.Origin) bool {
		return o.Commit == other.Commit && o.Tag == other.Tag && slices.Equal(o.Dirty, other.Dirty) &&
			slices.EqualFunc(o.Checks, other.Checks, sameOutcome)
	}
}

// sameOutcome is of the same check with the same result. How many tests it had may not be known a second time, when it came from cache.
func sameOutcome(a, b release.Check) bool {
	a.Tests, b.Tests = release.Tests{}, release.Tests{}
	return a == b
}

// Release returns the record of a release.
func (t Tx) Release(id release.ID) (Record, error) {
	var rec Record
	if err := get(t.tx.Bucket(bucketReleases), []byte(id), &rec); err != nil {
		return rec, fmt.Errorf("release %w", err)
	}
	return rec, nil
}

// Releases returns all records of a project, of every project if it is empty, the one made last first.
func (t Tx) Releases(project string) ([]Record, error) {
	var all []Record
	err := t.tx.Bucket(bucketReleases).ForEach(func(_, v []byte) error {
		var rec Record
		if err := json.Unmarshal(v, &rec); err != nil {
			return err
		}
		if project == "" || rec.Release.Project == project {
			all = append(all, rec)
		}
		return nil
	})
	slices.SortFunc(all, func(a, b Record) int { return b.Origin().Time.Compare(a.Origin().Time) })
	return all, err
}

// KeepMaking keeps, for as long as the release, how it was made. What that holds is the business of those who read it.
func (t Tx) KeepMaking(id release.ID, made any) error {
	if err := put(t.tx.Bucket(bucketMakings), []byte(id), made); err != nil {
		return fmt.Errorf("record how release %s was made: %w", id.Short(), err)
	}
	return nil
}

// Making reads how a release was made.
func (t Tx) Making(id release.ID, made any) error {
	if err := get(t.tx.Bucket(bucketMakings), []byte(id), made); err != nil {
		return fmt.Errorf("making of release %w", err)
	}
	return nil
}

// timesOf is the key, beside that of its making, of a release's times.
func timesOf(id release.ID) []byte { return []byte(id + "/times") }

// KeepTimes keeps, for as long as the release, how long what of it took when it was made.
func (t Tx) KeepTimes(id release.ID, times release.Times) error {
	if err := put(t.tx.Bucket(bucketMakings), timesOf(id), times); err != nil {
		return fmt.Errorf("record how long release %s took: %w", id.Short(), err)
	}
	return nil
}

// Times are those that KeepTimes was given, or none.
func (t Tx) Times(id release.ID) (release.Times, error) {
	var times release.Times
	err := get(t.tx.Bucket(bucketMakings), timesOf(id), &times)
	if errors.Is(err, ErrNotFound) {
		return times, nil
	}
	return times, err
}

// RemoveRelease forgets a release and how it was made. What the ledger says of it stays.
func (t Tx) RemoveRelease(id release.ID) error {
	for _, key := range [][]byte{[]byte(id), timesOf(id)} {
		if err := t.tx.Bucket(bucketMakings).Delete(key); err != nil {
			return err
		}
	}
	return t.tx.Bucket(bucketReleases).Delete([]byte(id))
}
