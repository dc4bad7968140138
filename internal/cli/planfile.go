package cli

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/seaworthyhq/seaworthy/internal/api"
	"github.com/seaworthyhq/seaworthy/internal/atomicfile"
	"github.com/seaworthyhq/seaworthy/internal/event"
	"github.com/seaworthyhq/seaworthy/internal/release"
)

// planSchema is the version of planFile. It changes when an older reader would run something else than the plan.
const planSchema = "seaworthy plan 1"

// planFile is a plan as it is kept. What would be deployed is in the engine; the file says which of it, and on what.
type planFile struct {
	Schema string         `json:"schema"`
	Origin release.Origin `json:"origin"` // what it was made from, by whom and when
	Plan   event.Plan     `json:"plan"`
}

func newPlanFile(p event.Plan, origin release.Origin) planFile {
	return planFile{Schema: planSchema, Origin: origin, Plan: p}
}

func (f planFile) write(path string) error {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	if err := enc.Encode(f); err != nil {
		return fmt.Errorf("write plan %s: %w", path, err)
	}
	err := os.MkdirAll(filepath.Dir(path), 0o755)
	if err == nil {
		err = atomicfile.Write(path, b.Bytes(), 0o644)
	}
	if err != nil {
		return &release.UserError{Kind: release.KindUsage, Err: fmt.Errorf("write plan %s: %w", path, err), Hint: "seaworthy plan -o FILE with another path"}
	}
	return nil
}

func readPlanFile(path string) (planFile, error) {
	var f planFile
	b, err := os.ReadFile(path)
	if err == nil {
		err = json.Unmarshal(b, &f)
	}
	if err == nil && f.Schema != planSchema {
		err = errors.New("it is no plan of this version")
		if !strings.HasPrefix(f.Schema, "seaworthy plan ") {
			err = errors.New("it is no plan")
		}
	}
	if err == nil && (f.Plan.Release == "" || f.Plan.Digest == "" || f.Plan.Environment.Project == "" || f.Plan.Environment.Name == "") {
		err = errors.New("it is not whole")
	}
	if err != nil {
		return f, &release.UserError{Kind: release.KindUsage, Err: fmt.Errorf("read plan %s: %w", path, err), Hint: "seaworthy plan -o " + path + " makes one"}
	}
	return f, nil
}

// request asks for exactly this plan.
func (f planFile) request() api.DeployRequest {
	return api.DeployRequest{
		Environment: f.Plan.Environment, Release: string(f.Plan.Release), Actor: actor(),
		Planned: &api.Planned{After: f.Plan.After, Digest: f.Plan.Digest},
	}
}

// isFor refuses a plan of another environment than the one that was asked for, if one was.
func (f planFile) isFor(asked string) error {
	env := f.Plan.Environment
	if asked == "" || asked == env.Name || asked == env.String() {
		return nil
	}
	return &release.UserError{
		Kind: release.KindUsage, Err: fmt.Errorf("the plan is for %s, not for %s", env, asked), Hint: "leave -e and SEAWORTHY_ENV out: a plan knows its environment",
	}
}
