package api

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"net/http"
	"runtime/debug"
	"slices"

	"github.com/docker/go-units"

	"github.com/seaworthyhq/seaworthy/internal/project"
	"github.com/seaworthyhq/seaworthy/internal/release"
)

// limitOf is how many bytes of JSON a call may bring, by its path. Archives are no JSON, and travel as a stream.
func limitOf(path string) int64 {
	switch path {
	case PathUp:
		return 32 << 20 // the files that a release carries: a folder of them may have 16 MiB, and base64 adds a third
	case PathDeploy:
		return 8 << 20 // values of secrets
	case PathExec:
		return 4 << 20 // more arguments and variables Linux takes for no command
	}
	return 1 << 20
}

// encode writes the request of a call.
func encode(path string, v any) (io.Reader, error) {
	b, err := json.Marshal(v)
	if err != nil {
		return nil, fmt.Errorf("write request: %w", err)
	}
	if int64(len(b)) > limitOf(path) {
		return nil, tooLarge(path)
	}
	return bytes.NewReader(b), nil
}

func tooLarge(path string) error {
	err := &release.UserError{
		Kind: release.KindUsage, Err: fmt.Errorf("the request is larger than the %s that %s may bring", units.BytesSize(float64(limitOf(path))), path),
	}
	if path == PathUp || path == PathDeploy {
		err.Hint = "configs, secrets and the files that services mount read-only travel in it: copy what is large into the image"
	}
	return err
}

// large is from how many bytes on a request's memory is given back at once. What the collector does not need it keeps for long, and
// an engine rarely needs as much again.
const large = 4 << 20

func giveBack(r *http.Request) {
	if r.ContentLength > large {
		debug.FreeOSMemory()
	}
}

// checked is a request that knows what it cannot be.
type checked interface{ check() error }

// Decode reads the request of a call into v, and refuses what is too large, what v does not know, and what cannot be meant. No
// body is the zero request.
func Decode(w http.ResponseWriter, r *http.Request, v any) error {
	limit := limitOf(r.URL.Path)
	body := bytes.NewBuffer(make([]byte, 0, min(max(r.ContentLength, 0), limit)+bytes.MinRead))
	if _, err := body.ReadFrom(http.MaxBytesReader(w, r.Body, limit)); err != nil {
		if _, large := errors.AsType[*http.MaxBytesError](err); large {
			return tooLarge(r.URL.Path)
		}
		return refuse("read request: %w", err)
	}
	if body.Len() > 0 {
		if err := decodeStrictly(body, v); err != nil {
			return err
		}
	}
	if c, ok := v.(checked); ok {
		return c.check()
	}
	return nil
}

func decodeStrictly(r io.Reader, v any) error {
	dec := json.NewDecoder(r)
	dec.DisallowUnknownFields() // what an engine does not know it would not do
	if err := dec.Decode(v); err != nil {
		return &release.UserError{
			Kind: release.KindUsage, Err: fmt.Errorf("read request: %w", err), Hint: "seaworthy engine restart replaces an engine of another version",
		}
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return refuse("read request: there is something behind it")
	}
	return nil
}

func refuse(format string, args ...any) error {
	return &release.UserError{Kind: release.KindUsage, Err: fmt.Errorf(format, args...)}
}

func (r *UpRequest) check() error {
	if !slices.Contains([]Goal{GoalBuild, GoalPlan, GoalRelease, GoalUp}, r.Goal) {
		return refuse("goal %q is none", r.Goal)
	}
	for _, e := range r.Project.Environments() {
		if err := (release.Environment{Project: r.Project.Name, Name: e.Name}).Check(); err != nil {
			return err
		}
	}
	if slices.ContainsFunc(r.Project.Dockerfiles, func(d *project.Dockerfile) bool { return d == nil }) {
		return refuse("a Dockerfile is null")
	}
	for d, content := range r.Files {
		if release.DigestOf(content) != d {
			return refuse("file %s has another content", d.Short())
		}
	}
	return nil
}

func (r *DeployRequest) check() error {
	if r.Release == "" && !r.Rollback {
		return refuse("deploy which release?")
	}
	return r.Environment.Check()
}

// maxReplicas is more of a service than one machine can have.
const maxReplicas = 1000

func (r *ScaleRequest) check() error {
	for service, n := range r.Replicas {
		if n < 0 || n > maxReplicas {
			return &release.UserError{
				Kind: release.KindUsage, Err: fmt.Errorf("%s cannot have %d replicas", service, n), Hint: fmt.Sprintf("give a number from 0 to %d", maxReplicas),
			}
		}
	}
	return r.Environment.Check()
}

func (r *ServicesRequest) check() error { return r.Environment.Check() }

func (r *LogsRequest) check() error {
	if r.Tail < 0 || r.Deployment < 0 {
		return refuse("a count is below 0")
	}
	return r.Environment.Check()
}

func (r *ExecRequest) check() error {
	switch {
	case r.Service == "":
		return refuse("run a command in which service?")
	case len(r.Args) == 0 && !r.OneOff:
		return refuse("run which command?")
	case r.Index < 0 || min(r.Width, r.Height) < 0 || max(r.Width, r.Height) > math.MaxUint16:
		return refuse("replica %d, terminal of %d by %d: these numbers cannot be", r.Index, r.Width, r.Height)
	}
	return r.Environment.Check()
}

func (r *GCRequest) check() error {
	if r.Keep < 0 {
		return refuse("keep %d releases", r.Keep)
	}
	return nil
}
