package state

import (
	"bytes"
	"encoding/json"
	"fmt"
	"time"

	"github.com/opencontainers/go-digest"

	"github.com/seaworthyhq/seaworthy/internal/cause"
	"github.com/seaworthyhq/seaworthy/internal/release"
)

// Step is what is recorded of a step of a project's builds.
type Step struct {
	Run  release.StepRun `json:"run"`  // the last time that something of it ran; no key: that is not recorded
	Made cause.Made      `json:"made"` // what it was made of when it was built last
	// Ran is the digest of what it was made of when it ran.
	Ran digest.Digest `json:"ran,omitempty"`
	// Skipped is why it was not built the last time that the project was; empty: it was to be.
	Skipped string `json:"skipped,omitempty"`
	// Missed is why the last build did not come to it; empty: it did.
	Missed string `json:"missed,omitempty"`
	Gone   bool   `json:"gone,omitempty"` // the project had no such stage then
}

func stepKey(project, key string) []byte { return []byte(project + "\x00" + key) }

// Steps are what is recorded of a project's steps, by key.
func (t Tx) Steps(project string) (map[string]Step, error) {
	all := map[string]Step{}
	prefix := stepKey(project, "")
	c := t.tx.Bucket(bucketSteps).Cursor()
	for k, v := c.Seek(prefix); bytes.HasPrefix(k, prefix); k, v = c.Next() {
		if len(k) == len(prefix) || bytes.Equal(k, workOf(project)) {
			continue // StepsCached, Work
		}
		var s Step
		if err := json.Unmarshal(v, &s); err != nil {
			return nil, fmt.Errorf("read steps of %s: %w", project, err)
		}
		all[string(k[len(prefix):])] = s
	}
	return all, nil
}

// PutStep replaces what is recorded of a step.
func (t Tx) PutStep(project, key string, s Step) error {
	if err := put(t.tx.Bucket(bucketSteps), stepKey(project, key), s); err != nil {
		return fmt.Errorf("record step %s: %w", key, err)
	}
	return nil
}

// StepsCached are the times at which steps of a project came from cache last, by key.
func (t Tx) StepsCached(project string) (map[string]time.Time, error) {
	all := map[string]time.Time{}
	if t.tx.Bucket(bucketSteps).Get(stepKey(project, "")) == nil {
		return all, nil
	}
	return all, get(t.tx.Bucket(bucketSteps), stepKey(project, ""), &all)
}

// PutStepsCached replaces those times.
func (t Tx) PutStepsCached(project string, all map[string]time.Time) error {
	if err := put(t.tx.Bucket(bucketSteps), stepKey(project, ""), all); err != nil {
		return fmt.Errorf("record when steps of %s came from cache: %w", project, err)
	}
	return nil
}

// StepProjects are the projects of which steps are recorded.
func (t Tx) StepProjects() (all []string) {
	c := t.tx.Bucket(bucketSteps).Cursor()
	for k, _ := c.First(); k != nil; {
		name, _, _ := bytes.Cut(k, []byte{0})
		all = append(all, string(name))
		k, _ = c.Seek([]byte(string(name) + "\x01"))
	}
	return all
}

// RemoveSteps forgets the steps of a project.
func (t Tx) RemoveSteps(project string) error {
	prefix := stepKey(project, "")
	c := t.tx.Bucket(bucketSteps).Cursor()
	for k, _ := c.Seek(prefix); bytes.HasPrefix(k, prefix); k, _ = c.Seek(prefix) {
		if err := c.Delete(); err != nil {
			return err
		}
	}
	return nil
}
