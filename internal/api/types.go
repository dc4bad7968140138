package api

import (
	"encoding/json"
	"time"

	"github.com/seaworthyhq/seaworthy/internal/project"
	"github.com/seaworthyhq/seaworthy/internal/release"
)

// Goal says how far up's way is gone.
type Goal string

// The goals.
const (
	GoalBuild   Goal = "build"   // build and check
	GoalPlan    Goal = "plan"    // and say what a deployment would do
	GoalRelease Goal = "release" // and record the release
	GoalUp      Goal = "up"      // and deploy it
)

// UpRequest asks for a project's way from Dockerfile to running service, or a part of it.
type UpRequest struct {
	Goal    Goal            `json:"goal"`
	Project project.Project `json:"project"`
	// Sessions serve the build contexts, by the key of the Dockerfile.
	Sessions map[string]string `json:"sessions"`
	// Ignores are the contents of the ignore files that hold, by the key of the Dockerfile.
	Ignores map[string][]byte `json:"ignores,omitempty"`
	Origin  release.Origin    `json:"origin"`
	// Files are the contents that the project's services mount, by digest.
	Files map[release.Digest][]byte `json:"files,omitempty"`
	// Secrets are the values that the services are handed, by name.
	Secrets map[string][]byte `json:"secrets,omitempty"`
	Pull    bool              `json:"pull,omitempty"`    // look tags up again
	NoCache bool              `json:"noCache,omitempty"` // run every instruction again
	Force   bool              `json:"force,omitempty"`   // deploy although the environment is held
	// Keep has a plan's release recorded, with its files and secrets, so that the plan can be run: see Planned.
	Keep bool `json:"keep,omitempty"`
}

// DeployRequest asks for a release in an environment. The way back to an earlier one is a deployment too.
type DeployRequest struct {
	Environment release.Environment `json:"environment"`
	// Release is what state.FindRelease understands; for a rollback empty means the one that served before.
	Release  string `json:"release,omitempty"`
	Actor    string `json:"actor,omitempty"`
	Rollback bool   `json:"rollback,omitempty"` // and hold the environment until it is resumed
	PlanOnly bool   `json:"planOnly,omitempty"`
	Force    bool   `json:"force,omitempty"` // although the environment is held
	// Secrets are the values that the services are handed, by name; none: those that were handed over last.
	Secrets map[string][]byte `json:"secrets,omitempty"`
	// Planned is the plan that the deployment has to be; nil: any.
	Planned *Planned `json:"planned,omitempty"`
}

// Planned tells a plan that was made before from every other one. A deployment that would come to another plan is refused.
type Planned struct {
	After  int            `json:"after"`  // the number of the environment's last deployment; 0: none
	Digest release.Digest `json:"digest"` // of the plan
}

// ScaleRequest asks for replica counts, which stay so until the file says otherwise.
type ScaleRequest struct {
	Environment release.Environment `json:"environment"`
	Replicas    map[string]int      `json:"replicas"`
	Actor       string              `json:"actor,omitempty"`
	PlanOnly    bool                `json:"planOnly,omitempty"`
}

// ServicesRequest names services of an environment; none means all.
type ServicesRequest struct {
	Environment release.Environment `json:"environment"`
	Services    []string            `json:"services,omitempty"`
	Actor       string              `json:"actor,omitempty"`
	PlanOnly    bool                `json:"planOnly,omitempty"`
	Volumes     bool                `json:"volumes,omitempty"` // down: remove the volumes too
}

// EnvironmentStatus is what runs in an environment, since when, by whom.
type EnvironmentStatus struct {
	Environment release.Environment `json:"environment"`          // which one
	Release     release.ID          `json:"release,omitempty"`    // empty: nothing is deployed
	Origin      release.Origin      `json:"origin,omitzero"`      // where the release came from
	Deployment  *release.Deployment `json:"deployment,omitempty"` // the one that serves
	Pending     *release.Deployment `json:"pending,omitempty"`    // the one under way
	Busy        string              `json:"busy,omitempty"`       // what is under way, a deployment or not, and for whom
	Waiting     []string            `json:"waiting,omitempty"`    // what has not begun, and for whom: the next one first
	Last        *release.Deployment `json:"last,omitempty"`       // the last one, whatever became of it
	Held        string              `json:"held,omitempty"`       // why a rollback holds it; empty: nothing does
	Services    []ServiceStatus     `json:"services"`             // what runs
}

// ServiceStatus is what runs of one service.
type ServiceStatus struct {
	Name      string            `json:"name"`                // of the service
	Image     release.Image     `json:"image"`               // what it runs
	Desired   int               `json:"desired"`             // how many replicas there should be
	Healthy   int               `json:"healthy"`             // how many run and are well
	OneShot   bool              `json:"oneShot,omitempty"`   // it runs to its end, and others wait for that
	Completed int               `json:"completed,omitempty"` // replicas that have ended as the service may, with code 0
	Scaled    bool              `json:"scaled,omitempty"`    // by hand: the file says another number
	Updating  bool              `json:"updating,omitempty"`  // the deployment under way is about to replace it
	Ports     []release.Port    `json:"ports,omitempty"`     // published on the host
	Replicas  []release.Replica `json:"replicas"`            // those that serve; while its requests wait, those that run
}

// ReleaseInfo is a release, where it came from and where it went.
type ReleaseInfo struct {
	ID          release.ID            `json:"id"`          // its name
	Release     release.Release       `json:"release"`     // its content
	Origins     []release.Origin      `json:"origins"`     // oldest first
	Serving     []release.Environment `json:"serving"`     // where it serves now
	Deployments []release.Deployment  `json:"deployments"` // of it, the last one first
	// Times are those of the last time that something had to be done to make it; none where that is not known.
	Times *release.Times `json:"times,omitempty"`
}

// ReleaseSummary is what a release can be called by.
type ReleaseSummary struct {
	ID          release.ID           `json:"id"`
	Origins     []release.Origin     `json:"origins"`     // oldest first
	Deployments []release.Deployment `json:"deployments"` // of it, the last one first
}

// StepInfo is what is recorded of a stage, over all builds of its project.
type StepInfo struct {
	Key    string           `json:"key"`             // "stage:builder"
	Name   string           `json:"name"`            // for people
	Run    *release.StepRun `json:"run,omitempty"`   // the last time that something of it ran, and why; none: that is not recorded
	Cached time.Time        `json:"cached,omitzero"` // when all of it came from cache last
	// Other: what came from cache has other inputs than what ran. It was made before that, by another project, or by a build that was
	// killed.
	Other bool `json:"other,omitempty"`
	// Skipped is why it was not built the last time that the project was.
	Skipped string `json:"skipped,omitempty"`
	// Missed is why the last build, which was to build it, did not come to it: "test failed".
	Missed string `json:"missed,omitempty"`
}

// ExportInfo is what an environment runs of a release, or would run.
type ExportInfo struct {
	Environment release.Environment `json:"environment"`
	Release     release.ID          `json:"release"`
	Config      release.Config      `json:"config"`
}

// LedgerEntry is one record of the ledger. Its hash is over its own JSON without the hash itself.
type LedgerEntry struct {
	Sequence    uint64          `json:"seq"`                   // from 1
	Time        time.Time       `json:"time"`                  // when it was written
	Kind        string          `json:"kind"`                  // what was done: release, deployment-started, deployment-ended, …
	Environment string          `json:"environment,omitempty"` // project/name
	Subject     string          `json:"subject"`               // release id, or production#42
	Actor       string          `json:"actor"`                 // by whom
	Data        json.RawMessage `json:"data,omitempty"`        // what there is to say, by kind
	Previous    release.Digest  `json:"previous,omitempty"`    // hash of the entry before
	Hash        release.Digest  `json:"hash"`                  // of this entry
}

// LedgerState says whether the ledger is as it was written.
type LedgerState struct {
	Entries uint64         `json:"entries"`          // that follow from each other, from the first
	Head    release.Digest `json:"head"`             // hash of the last of them
	Broken  *LedgerBreak   `json:"broken,omitempty"` // where the chain breaks; nothing: it holds
}

// LedgerBreak is where the chain breaks.
type LedgerBreak struct {
	Sequence uint64 `json:"seq"`    // the first entry that does not follow
	Reason   string `json:"reason"` // why it does not
}

// HistoryEntry is a deployment, and whether it can be gone back to.
type HistoryEntry struct {
	release.Deployment
	Collected bool `json:"collected,omitempty"` // its release is no longer kept
}

// LogsRequest asks for what replicas wrote.
type LogsRequest struct {
	Environment release.Environment `json:"environment"`
	Services    []string            `json:"services,omitempty"` // none: all
	Follow      bool                `json:"follow,omitempty"`
	Since       time.Time           `json:"since,omitzero"`
	Tail        int                 `json:"tail,omitempty"`     // lines per replica; 0: all
	Previous    bool                `json:"previous,omitempty"` // of removed replicas
	// Deployment asks for the replicas that this one started, removed or not; 0: all.
	Deployment int `json:"deployment,omitempty"`
}

// ExecRequest asks for a command in a replica, or, with OneOff, in a new one beside what serves: then Args may be empty, for
// the service's own command.
type ExecRequest struct {
	Environment release.Environment `json:"environment"`
	Service     string              `json:"service"`
	Index       int                 `json:"index,omitempty"` // of the replica; 0: the first that is well
	Args        []string            `json:"args"`
	Entrypoint  []string            `json:"entrypoint"`    // of a one-off; nil: as the service has it
	Env         []string            `json:"env,omitempty"` // KEY=value
	User        string              `json:"user,omitempty"`
	WorkingDir  string              `json:"workingDir,omitempty"`
	TTY         bool                `json:"tty,omitempty"`
	Stdin       bool                `json:"stdin,omitempty"`
	Width       int                 `json:"width,omitempty"`
	Height      int                 `json:"height,omitempty"`
	OneOff      bool                `json:"oneOff,omitempty"`
	Actor       string              `json:"actor,omitempty"`
}

// VolumeRequest asks for a change of a volume.
type VolumeRequest struct {
	Environment release.Environment
	Name        string
	Actor       string
	PlanOnly    bool // say what stands against it, and do nothing
}

// VolumeInfo is a volume of an environment.
type VolumeInfo struct {
	Environment release.Environment `json:"environment"`      // whose it is
	Name        string              `json:"name"`             // of the volume
	Bytes       int64               `json:"bytes"`            // on the disk
	Empty       bool                `json:"empty,omitempty"`  // there is nothing in it
	UsedBy      []string            `json:"usedBy,omitempty"` // services
}

// GCRequest asks for what nothing needs to be collected.
type GCRequest struct {
	Keep  int    `json:"keep,omitempty"` // releases per environment that can be rolled back to; 0: the engine's setting
	All   bool   `json:"all,omitempty"`  // the whole build cache too, not only what was not used for a week
	Actor string `json:"actor,omitempty"`
}

// ResumeResult says what Resume freed.
type ResumeResult struct {
	Held string `json:"held"` // why the environment was held; empty: it was not
}

// GCResult says what was collected.
type GCResult struct {
	Releases   []release.ID `json:"releases"`        // that are forgotten
	Images     int          `json:"images"`          // names of images that were removed
	BuildCache int64        `json:"buildCacheBytes"` // of build cache that were removed
	Freed      int64        `json:"freedBytes"`      // on the disk, all together
}

// EngineInfo describes the engine.
type EngineInfo struct {
	Version  string    `json:"version"`  // of its program
	PID      int       `json:"pid"`      // its process id
	Root     string    `json:"root"`     // its state root
	Started  time.Time `json:"started"`  // when it was started
	Edge     int       `json:"edge"`     // its process id; 0: not running
	Busy     []string  `json:"busy"`     // what it is doing for whom
	Replicas int       `json:"replicas"` // that run
	Runtime  string    `json:"runtime"`  // what new ones are run with: runc or crun
	// NotCrun is why that is not crun, where it is installed and nobody has chosen otherwise.
	NotCrun string `json:"notCrun,omitempty"`
}
