package release

import (
	"cmp"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"time"
)

// Environment names a place where a project runs: "hrefcounter/production".
type Environment struct {
	Project string `json:"project"` // whose it is
	Name    string `json:"name"`    // local, staging, production, …
}

// String is project/name.
func (e Environment) String() string { return e.Project + "/" + e.Name }

// ParseEnvironment reads what String writes.
func ParseEnvironment(s string) (Environment, error) {
	project, name, ok := strings.Cut(s, "/")
	if !ok || project == "" || name == "" || strings.Contains(name, "/") {
		return Environment{}, fmt.Errorf("environment %q is not of the form project/name", s)
	}
	env := Environment{Project: project, Name: name}
	return env, env.Check()
}

// Command is a verb as it is typed for this environment, wherever that is done.
func (e Environment) Command(verb string) string { return "seaworthy " + verb + " -e " + e.String() }

// What projects and environments can be called: folders and containers are named after them.
var (
	projectName     = regexp.MustCompile(`^[a-z0-9][a-z0-9_-]{0,127}$`)
	environmentName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_.-]{0,127}$`)
)

// Check is an error unless both names are such that a project can have them.
func (e Environment) Check() error {
	if !projectName.MatchString(e.Project) {
		return &UserError{
			Kind: KindUsage, Err: fmt.Errorf("%q cannot be the name of a project", e.Project),
			Hint: "it begins with a lower-case letter or a digit, and has only these, - and _",
		}
	}
	if !IsEnvironmentName(e.Name) {
		return &UserError{
			Kind: KindUsage, Err: fmt.Errorf("%q cannot be the name of an environment", e.Name),
			Hint: EnvironmentNames,
		}
	}
	return nil
}

// IsEnvironmentName reports whether an environment can be called that.
func IsEnvironmentName(name string) bool { return environmentName.MatchString(name) }

// EnvironmentNames says what an environment can be called.
const EnvironmentNames = "it begins with a letter or a digit, and has only these, -, _ and ."

// Result of something that has ended, or Running.
type Result string

// The results.
const (
	Running    Result = "running"     // it has not ended
	Succeeded  Result = "succeeded"   // what was asked for serves
	Failed     Result = "failed"      // it did not come to what was asked for
	RolledBack Result = "rolled-back" // it failed, and what ran before serves again
	Cancelled  Result = "cancelled"   // it was given up before its end
)

// Cause says why a deployment was made.
type Cause string

// The causes.
const (
	CauseUp       Cause = "up"       // seaworthy up
	CauseDeploy   Cause = "deploy"   // seaworthy deploy, of a release that was there
	CauseScale    Cause = "scale"    // other replica counts
	CauseRestart  Cause = "restart"  // new replicas of the same
	CauseRollback Cause = "rollback" // back to an earlier release
	CauseDown     Cause = "down"     // stopped and removed
)

// CanBeGivenUp reports whether a plain rollback gives up a deployment with this cause while it is under way. A rollback leads back
// already: another one waits for it.
func (c Cause) CanBeGivenUp() bool { return c != CauseDown && c != CauseRollback }

// Deployment is a release put into an environment.
type Deployment struct {
	Environment Environment `json:"environment"`     // where
	Number      int         `json:"number"`          // from 1, in its environment
	Release     ID          `json:"release"`         // its id
	Cause       Cause       `json:"cause"`           // why it was made
	Actor       string      `json:"actor"`           // who made it, as user@host
	Result      Result      `json:"result"`          // how it ended, or running
	Error       string      `json:"error,omitempty"` // why it did not succeed
	Plan        string      `json:"plan,omitempty"`  // as it was shown
	Started     time.Time   `json:"started"`         // when it was begun
	Ended       time.Time   `json:"ended,omitzero"`  // when it ended
	// Origin is where the release came from when it was deployed: equal content may be made again, from somewhere else.
	Origin Origin `json:"origin,omitzero"`
}

// Name is environment#number: "production#42".
func (d Deployment) Name() string { return fmt.Sprintf("%s#%d", d.Environment.Name, d.Number) }

// Replica is one running instance of a service, as observed.
type Replica struct {
	ID      string `json:"id"`      // the container's
	Service string `json:"service"` // its name
	Index   int    `json:"index"`   // from 1
	// Spec is the digest of the service's configuration that it runs; replicas of equal Spec are interchangeable.
	Spec       Digest      `json:"spec"`
	Deployment int         `json:"deployment"`          // the one that made it
	Release    ID          `json:"release,omitempty"`   // the one that it was made for
	Image      Image       `json:"image"`               // what it runs
	State      State       `json:"state"`               // of its process
	Health     HealthState `json:"health"`              // what the last checks said
	IP         string      `json:"ip,omitempty"`        // its first address inside
	ExitCode   int         `json:"exitCode,omitempty"`  // of its process, where exitKnown is true
	ExitKnown  bool        `json:"exitKnown,omitempty"` // false: it ended while nobody watched
	OOMKilled  bool        `json:"oomKilled,omitempty"` // it was ended because it took too much memory
	Stopped    bool        `json:"stopped,omitempty"`   // its process ended because it was told to
	Restarts   int         `json:"restarts,omitempty"`  // how often it was started again after it had ended by itself
	Started    time.Time   `json:"started,omitzero"`    // when its process began
	Ended      time.Time   `json:"ended,omitzero"`      // when its process ended
	Detail     string      `json:"detail,omitempty"`    // the last health output or the reason it does not run
	StopGrace  Duration    `json:"stopGrace,omitempty"` // the stop_grace_period that it was made with; none: ten seconds
}

// State of a replica's process.
type State string

// The states.
const (
	StateCreated State = "created" // it has not been started
	StateRunning State = "running" // its process runs
	StateExited  State = "exited"  // its process has ended
)

// HealthState is what the last checks said of a replica.
type HealthState string

// The states of health.
const (
	HealthStarting  HealthState = "starting"  // it is not known yet
	HealthHealthy   HealthState = "healthy"   // it may take traffic
	HealthUnhealthy HealthState = "unhealthy" // it is left out
	HealthUnchecked HealthState = "unchecked" // there is nothing to ask it with: it counts as well while it runs
)

func sortedKeys[K cmp.Ordered, V any](m map[K]V) []K {
	return slices.Sorted(maps.Keys(m))
}
