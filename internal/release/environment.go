package release

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
)

// Environment names a place where a project runs: "hrefcounter/production".
type Environment struct {
	Project string `json:"project"`
	Name    string `json:"name"`
}

// String is project/name.
func (e Environment) String() string { return e.Project + "/" + e.Name }

// ParseEnvironment reads what String writes.
func ParseEnvironment(s string) (Environment, error) {
	project, name, ok := strings.Cut(s, "/")
	if !ok || project == "" || name == "" || strings.Contains(name, "/") {
		return Environment{}, fmt.Errorf("environment %q is not of the form project/name", s)
	}
	return Environment{Project: project, Name: name}, nil
}

// Result of something that has ended, or Running.
type Result string

// The results. RolledBack means: it failed, and what ran before serves again.
const (
	Running    Result = "running"
	Succeeded  Result = "succeeded"
	Failed     Result = "failed"
	RolledBack Result = "rolled-back"
	Cancelled  Result = "cancelled"
)

// Cause says why a deployment was made.
type Cause string

// The causes.
const (
	CauseUp       Cause = "up"
	CauseDeploy   Cause = "deploy"
	CauseScale    Cause = "scale"
	CauseRestart  Cause = "restart"
	CauseRollback Cause = "rollback"
	CauseDown     Cause = "down"
)

// Deployment is a release put into an environment.
type Deployment struct {
	Environment Environment `json:"environment"`
	Number      int         `json:"number"`
	Release     ID          `json:"release"`
	Cause       Cause       `json:"cause"`
	Actor       string      `json:"actor"`
	Result      Result      `json:"result"`
	Error       string      `json:"error,omitempty"`
	Plan        string      `json:"plan,omitempty"` // as it was shown
	Started     time.Time   `json:"started"`
	Ended       time.Time   `json:"ended,omitzero"`
}

// Name is environment#number: "production#42".
func (d Deployment) Name() string { return fmt.Sprintf("%s#%d", d.Environment.Name, d.Number) }

// Replica is one running instance of a service, as observed.
type Replica struct {
	ID      string `json:"id"` // the container's
	Service string `json:"service"`
	Index   int    `json:"index"` // from 1
	// Spec is the digest of the service's configuration that it runs; replicas of equal Spec are interchangeable.
	Spec       Digest      `json:"spec"`
	Deployment int         `json:"deployment"` // the one that made it
	Release    ID          `json:"release,omitempty"`
	Image      Image       `json:"image"`
	State      State       `json:"state"`
	Health     HealthState `json:"health"`
	IP         string      `json:"ip,omitempty"`
	ExitCode   int         `json:"exitCode,omitempty"`
	ExitKnown  bool        `json:"exitKnown,omitempty"` // false: it ended while nobody watched
	OOMKilled  bool        `json:"oomKilled,omitempty"`
	Restarts   int         `json:"restarts,omitempty"`
	Started    time.Time   `json:"started,omitzero"`
	Ended      time.Time   `json:"ended,omitzero"`
	Detail     string      `json:"detail,omitempty"` // the last health output or the reason it does not run
}

// State of a replica's process.
type State string

// The states.
const (
	StateCreated State = "created"
	StateRunning State = "running"
	StateExited  State = "exited"
)

// HealthState is what the last checks said of a replica.
type HealthState string

// The states of health. Unchecked: there is nothing to ask it with, it counts as well while it runs.
const (
	HealthStarting  HealthState = "starting"
	HealthHealthy   HealthState = "healthy"
	HealthUnhealthy HealthState = "unhealthy"
	HealthUnchecked HealthState = "unchecked"
)

func sortedKeys[K cmp.Ordered, V any](m map[K]V) []K {
	return slices.Sorted(maps.Keys(m))
}
