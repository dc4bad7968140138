package cli

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/seaworthyhq/seaworthy/internal/api"
	"github.com/seaworthyhq/seaworthy/internal/atomicfile"
	"github.com/seaworthyhq/seaworthy/internal/build/session"
	"github.com/seaworthyhq/seaworthy/internal/event"
	"github.com/seaworthyhq/seaworthy/internal/plainfile"
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
	if err := atomicfile.Write(path, b.Bytes(), 0o644); err != nil {
		return &release.UserError{Kind: release.KindUsage, Err: fmt.Errorf("write plan %s: %w", path, err), Hint: "seaworthy plan -o FILE with another path"}
	}
	return nil
}

// placeForPlan says, before anything is built, whether a plan can be kept at path. What is there already has to be a plan, and
// so does the folder have to be there, but for the one that is Seaworthy's own.
func placeForPlan(path string) error {
	refuse := func(kind release.Kind, err error) error {
		return &release.UserError{Kind: kind, Err: fmt.Errorf("write plan %s: %w", path, err), Hint: "seaworthy plan -o FILE with another path"}
	}
	dir := filepath.Dir(path)
	if filepath.Base(dir) == session.State {
		if err := os.Mkdir(dir, 0o755); err != nil && !errors.Is(err, fs.ErrExist) {
			return refuse(release.KindUsage, err)
		}
	}
	if info, err := os.Stat(dir); err != nil || !info.IsDir() {
		return refuse(release.KindUsage, fmt.Errorf("there is no folder %s", dir))
	}
	switch _, err := planAt(path); {
	case err == nil, errors.Is(err, fs.ErrNotExist):
		return nil
	case errors.Is(err, errNoPlan), errors.Is(err, syscall.EISDIR):
		return refuse(release.KindConflict, errors.New("what is there is not a plan, and stays"))
	default:
		return refuse(release.KindUsage, err)
	}
}

// maxPlan is more than any plan takes, in bytes.
const maxPlan = 16 << 20

var errNoPlan = errors.New("it is not a plan")

// planAt reads the plan at path, of whichever version.
func planAt(path string) ([]byte, error) {
	info, err := os.Stat(path)
	switch {
	case err != nil:
		return nil, err
	case info.IsDir():
		return nil, &fs.PathError{Op: "read", Path: path, Err: syscall.EISDIR}
	case info.Size() > maxPlan:
		return nil, errNoPlan
	}
	b, err := plainfile.Read(path)
	if errors.Is(err, plainfile.ErrNotRegular) || err == nil && !isPlan(b) {
		err = errNoPlan
	}
	return b, err
}

// isPlan reports whether a file is a plan, of whichever version.
func isPlan(content []byte) bool {
	var f struct {
		Schema string `json:"schema"`
	}
	return json.Unmarshal(content, &f) == nil && strings.HasPrefix(f.Schema, "seaworthy plan ")
}

func readPlanFile(path string) (planFile, error) {
	var f planFile
	b, err := planAt(path)
	switch {
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, syscall.EISDIR):
		return f, noServiceNames(path)
	case errors.Is(err, errNoPlan):
		return f, &release.UserError{Kind: release.KindUsage, Err: fmt.Errorf("%s is not a plan", path), Hint: whatUpTakes}
	case err == nil:
		err = json.Unmarshal(b, &f)
	}
	if err == nil && f.Schema != planSchema {
		err = errors.New("it is a plan of another version")
	}
	if err == nil && (f.Plan.Release == "" || f.Plan.Digest == "" || f.Plan.Environment.Project == "" || f.Plan.Environment.Name == "") {
		err = errors.New("it is not whole")
	}
	if err != nil {
		return f, &release.UserError{Kind: release.KindUsage, Err: fmt.Errorf("read plan %s: %w", path, err), Hint: "seaworthy plan -o " + path + " makes one"}
	}
	return f, nil
}

// whatUpTakes is for who expects the arguments that Compose takes.
const whatUpTakes = "seaworthy up brings all services up; its one argument is a plan that seaworthy plan -o FILE has kept"

func noServiceNames(given string) error {
	return &release.UserError{
		Kind: release.KindUsage, Err: fmt.Errorf("up takes no service names, and %s is no file", given), Hint: whatUpTakes,
	}
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
