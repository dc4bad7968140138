package state

import (
	"errors"
	"fmt"

	"github.com/opencontainers/go-digest"

	"github.com/seaworthyhq/seaworthy/internal/release"
)

// Work is the last time that something had to be done to make what a project says.
type Work struct {
	Times release.Times `json:"times"`
	// Of tells, by key of the step, what each was made of from whatever else it may be made of.
	Of map[string]digest.Digest `json:"of"`
}

// workOf is the key, beside those of its steps, of a project's work: no step has it.
func workOf(project string) []byte { return stepKey(project, "\x00work") }

// PutWork replaces what is recorded of a project's work.
func (t Tx) PutWork(project string, w Work) error {
	if err := put(t.tx.Bucket(bucketSteps), workOf(project), w); err != nil {
		return fmt.Errorf("record how long %s took: %w", project, err)
	}
	return nil
}

// Work is what is recorded of a project's, or nothing.
func (t Tx) Work(project string) (Work, error) {
	var w Work
	err := get(t.tx.Bucket(bucketSteps), workOf(project), &w)
	if errors.Is(err, ErrNotFound) {
		return w, nil
	}
	return w, err
}
