// Package event says what happens, as it happens. The engine emits events; terminal, web page and ledger are fed by the
// same stream and only render it. It knows nothing of who listens.
package event

import (
	"time"

	"github.com/seaworthyhq/seaworthy/internal/release"
)

// Version of the schema below, in every event. It changes when a reader of the old form would misread the new one.
const Version = 1

// Type says which of an Event's parts is set.
type Type string

// The types of events.
const (
	TypeGraph       Type = "graph"       // Graph: the steps that are known, with their edges; may come again with more
	TypeStep        Type = "step"        // Step: a step changed its state
	TypeInstruction Type = "instruction" // Instruction: one instruction of a stage changed its state
	TypeReport      Type = "report"      // Report: the files of a check were kept
	TypeTimes       Type = "times"       // Times: all steps of a pipeline, when it has ended
	TypeLog         Type = "log"         // Log: a line that a step or replica wrote
	TypeMessage     Type = "message"     // Message: for people
	TypePlan        Type = "plan"        // Plan: what the rollout is about to do
	TypeRelease     Type = "release"     // Release: acknowledged; from here the engine finishes alone
	TypeDeployment  Type = "deployment"  // Deployment: started or ended
	TypeReplica     Type = "replica"     // Replica: changed its state
	TypeEnd         Type = "end"         // End: the last event of a stream
)

// Event is one thing that happened. Exactly the part that Type names is set.
type Event struct {
	Version     int                 `json:"v"`                     // of this schema
	Time        time.Time           `json:"time"`                  // when it happened, by the engine's clock
	Type        Type                `json:"type"`                  // which of the following is set
	Graph       *Graph              `json:"graph,omitempty"`       // for type graph
	Step        *Step               `json:"step,omitempty"`        // for type step
	Instruction *Instruction        `json:"instruction,omitempty"` // for type instruction
	Report      *Report             `json:"report,omitempty"`      // for type report
	Times       *release.Times      `json:"times,omitempty"`       // for type times
	Log         *Log                `json:"log,omitempty"`         // for type log
	Message     *Message            `json:"message,omitempty"`     // for type message
	Plan        *Plan               `json:"plan,omitempty"`        // for type plan
	Release     *Release            `json:"release,omitempty"`     // for type release
	Deployment  *release.Deployment `json:"deployment,omitempty"`  // for type deployment
	Replica     *release.Replica    `json:"replica,omitempty"`     // for type replica
	End         *End                `json:"end,omitempty"`         // for type end
}

// Graph lists steps and what each waits for.
type Graph struct {
	Steps []Node `json:"steps"` // in the order of the Dockerfiles, then of the rollout
}

// Node is one step of a Graph.
type Node struct {
	Key   string   `json:"key"`             // "stage:builder", "deploy:start web"
	Name  string   `json:"name"`            // for people: "builder", "start web 1"
	Role  string   `json:"role"`            // image, check, lifecycle, other; rollout for steps after packaging
	Why   string   `json:"why,omitempty"`   // why it has this role, or why it is done, for people
	After []string `json:"after,omitempty"` // keys
	Skip  bool     `json:"skip,omitempty"`  // listed, not run
	// Of a stage: where it is written, what it takes from where, and what runs the image that is made of it.
	File     string   `json:"file,omitempty"`     // the Dockerfile
	Line     int      `json:"line,omitempty"`     // its first line, from 1
	EndLine  int      `json:"endLine,omitempty"`  // its last line
	From     []Edge   `json:"from,omitempty"`     // what it takes, in the order of the Dockerfile
	Services []string `json:"services,omitempty"` // that run its image
	Idle     bool     `json:"idle,omitempty"`     // it proves nothing: no instruction of its own does anything
	Reports  string   `json:"reports,omitempty"`  // of a check that is asked for reports: where they are kept, from the project's folder
}

// Edge is what a stage takes from somewhere: exactly one of Step, Image and Context is set. A stage without an edge of the kind
// "from" is FROM scratch.
type Edge struct {
	Kind    string `json:"kind"`              // from, copy or mount
	Step    string `json:"step,omitempty"`    // key of the stage
	Image   string `json:"image,omitempty"`   // reference, as it is after ARGs
	Context string `json:"context,omitempty"` // name of an additional context
	Line    int    `json:"line,omitempty"`    // in the Dockerfile, from 1
}

// State of a step or instruction.
type State string

// The states.
const (
	Pending State = "pending" // it waits for others
	Started State = "started" // it runs
	Done    State = "done"    // it ran and succeeded
	Cached  State = "cached"  // it did not have to run: its result was there
	Failed  State = "failed"  // it ran and failed, or could not run
	Skipped State = "skipped" // it is listed and not run
	Stopped State = "stopped" // cancelled before it ended
)

// Ended reports whether nothing more will happen, but what Step says of a stage that is cached.
func (s State) Ended() bool { return s != Pending && s != Started }

// Step is a change of a step's state. A stage that is nothing but the image that it is FROM is cached once it is known what that is;
// where it is fetched after all, it starts again and is done.
type Step struct {
	Key    string        `json:"key"`              // of the Node
	State  State         `json:"state"`            // the new one
	Detail string        `json:"detail,omitempty"` // for people, one line: "2 of 4 healthy"
	Took   time.Duration `json:"took,omitempty"`   // nanoseconds; set when it ended
	Error  string        `json:"error,omitempty"`  // why it failed
	Empty  bool          `json:"empty,omitempty"`  // of a stage that is cached: nothing has to be made for it
	// Because is why it did not come from cache; known some time after the step started.
	Because []release.Reason `json:"because,omitempty"`
	Tests   *release.Tests   `json:"tests,omitempty"` // that a check reported, when it has ended
}

// Report is what was kept of a check's files, whether it passed or not.
type Report struct {
	Step    string        `json:"step"`              // key of the check
	Path    string        `json:"path"`              // the folder they are in, relative to the project
	Files   int           `json:"files"`             // how many
	Bytes   int64         `json:"bytes"`             // all of them
	Missing []string      `json:"missing,omitempty"` // paths that were asked for, and where there is nothing that could be kept
	Tests   release.Tests `json:"tests,omitzero"`    // summed up
	// Failures are the names of tests that failed, the first ones.
	Failures []string `json:"failures,omitempty"`
}

// Place is where a step has an instruction written, or the one that something is done for.
type Place struct {
	Step    string `json:"step"`              // key
	Line    int    `json:"line"`              // from 1
	EndLine int    `json:"endLine,omitempty"` // from 1
}

// Instruction is a change of the state of one instruction (a vertex of the build graph).
type Instruction struct {
	Digest  string        `json:"digest"`            // tells it from every other one of the stream
	Steps   []string      `json:"steps"`             // the stages it belongs to, by step key, in the order of the Dockerfile
	Text    string        `json:"text"`              // as written in the Dockerfile
	File    string        `json:"file,omitempty"`    // the Dockerfile
	Line    int           `json:"line,omitempty"`    // first line in File; 0: none
	State   State         `json:"state"`             // the new one
	Took    time.Duration `json:"took,omitempty"`    // nanoseconds
	Current int64         `json:"current,omitempty"` // bytes of a transfer that are done
	Total   int64         `json:"total,omitempty"`   // bytes of the whole transfer; 0: unknown
	Error   string        `json:"error,omitempty"`   // why it failed
	// Places are where each of its stages has it written. What is done besides has those of the instructions it is done for.
	Places []Place `json:"places,omitempty"`
}

// Stream of a log line.
const (
	Stdout = "stdout"
	Stderr = "stderr"
	Exit   = "exit" // not the replica's own: how it ended
)

// Log is a line that a step or a replica wrote, without its line end.
type Log struct {
	Step    string   `json:"step,omitempty"`    // key of the step
	Steps   []string `json:"steps,omitempty"`   // all, where several share the instruction that wrote it
	Service string   `json:"service,omitempty"` // set for a replica's line
	Replica string   `json:"replica,omitempty"` // its id
	// Deployment is the number of the one that started the replica.
	Deployment int    `json:"deployment,omitempty"`
	Stream     string `json:"stream,omitempty"` // stdout or stderr
	Line       string `json:"line"`             // the text
}

// Level of a message.
type Level string

// The levels.
const (
	Info Level = "info" // good to know
	Warn Level = "warn" // something to see to
)

// Message is a sentence for people.
type Message struct {
	Level Level  `json:"level"`          // how much it matters
	Text  string `json:"text"`           // what it says
	Hint  string `json:"hint,omitempty"` // what to do about it, best with a command
	// Waiting means that the call waits for others, and that nothing of it has begun: ended now, it is withdrawn.
	Waiting bool `json:"waiting,omitempty"`
	// Begun means that the engine finishes this, whatever becomes of the call.
	Begun bool `json:"begun,omitempty"`
}

// Plan is what a rollout is about to do, as text and as data.
type Plan struct {
	Environment release.Environment `json:"environment"`       // where
	Release     release.ID          `json:"release,omitempty"` // what is to serve; empty: nothing, the environment goes down
	Serving     release.ID          `json:"serving,omitempty"` // what serves now
	// After is the number of the environment's last deployment; once another one has come, the plan is stale.
	After      int            `json:"after,omitempty"`
	Digest     release.Digest `json:"digest,omitempty"`     // of all that the plan does: equal digests are equal plans
	Text       string         `json:"text"`                 // as the ledger keeps it
	Empty      bool           `json:"empty"`                // nothing to do
	Only       bool           `json:"only,omitempty"`       // nothing follows: the plan was asked for, not what it does
	Changes    []Change       `json:"changes,omitempty"`    // what happens to each service, sorted by name
	Operations []Operation    `json:"operations,omitempty"` // what is done, each after what it waits for
	Rounds     []string       `json:"rounds,omitempty"`     // the operations for people, what happens at once in one line
	Since      *Since         `json:"since,omitempty"`      // what the project's history has had since; of the verb plan only
}

// ChangeKind says what a plan does to a service.
type ChangeKind string

// The kinds of changes.
const (
	Added     ChangeKind = "added"     // nothing of it serves yet
	Changed   ChangeKind = "changed"   // its replicas are replaced, started or stopped, or traffic reaches them another way
	Removed   ChangeKind = "removed"   // nothing of it will serve
	Unchanged ChangeKind = "unchanged" // it is not touched
)

// Change is what a plan does to one service.
type Change struct {
	Service string     `json:"service"`           // its name
	Kind    ChangeKind `json:"kind"`              // at a glance
	Action  string     `json:"action"`            // for people: "replace 2 replicas, start-first"
	Causes  []string   `json:"causes,omitempty"`  // for people: "environment: LEVEL changed"
	Because []string   `json:"because,omitempty"` // for people: what made its image another one
	// Interruption says that the service does not answer for a while, and for how long at most.
	Interruption string `json:"interruption,omitempty"`
	Warning      string `json:"warning,omitempty"` // for people: what to think of before it happens
	Ports        []Port `json:"ports,omitempty"`   // of the host, that will lead to it
}

// Port is a port of the host that leads to a service.
type Port struct {
	HostIP    string `json:"hostIP,omitempty"`    // the address it listens on; empty: all
	Published int    `json:"published,omitempty"` // its number; 0: the engine chooses one
	Target    int    `json:"target"`              // the port in the replica
	Protocol  string `json:"protocol"`            // tcp or udp
	World     bool   `json:"world,omitempty"`     // reachable from other machines, if no firewall is in between
	New       bool   `json:"new,omitempty"`       // it does not lead there yet
}

// Since is what has come into a project's history since the release that serves was made.
type Since struct {
	Commit  string   `json:"commit"`            // that release was made from
	Commits []Commit `json:"commits,omitempty"` // since then, the newest first
	More    int      `json:"more,omitempty"`    // commits that are not listed
	Behind  int      `json:"behind,omitempty"`  // commits that serve and are not in this checkout
	Changed []string `json:"changed,omitempty"` // paths that differ from that commit, committed or not
	Dirty   []string `json:"dirty,omitempty"`   // paths that are not committed
}

// Commit is one commit, for people.
type Commit struct {
	Hash    string `json:"hash"`    // as git abbreviates it
	Subject string `json:"subject"` // the first line of its message
}

// Operation is one call of a rollout and its cause.
type Operation struct {
	Key   string   `json:"key"`             // the same for the same operation of a later plan
	Text  string   `json:"text"`            // for people: "start web 1"
	Cause string   `json:"cause,omitempty"` // for people
	After []string `json:"after,omitempty"` // keys of the operations that come before
}

// Release says that a release is recorded.
type Release struct {
	ID     release.ID     `json:"id"`     // r- and the digest of its content
	Known  bool           `json:"known"`  // equal content was recorded before
	Origin release.Origin `json:"origin"` // where it was made from this time
}

// End closes a stream: with the error that the whole call ended with, or none.
type End struct {
	Error *Error `json:"error,omitempty"` // none: it succeeded
}

// Error is a release.UserError on the wire.
type Error struct {
	Kind    release.Kind `json:"kind"`             // decides the exit code
	Message string       `json:"message"`          // what failed, and why
	Hint    string       `json:"hint,omitempty"`   // what to type next
	Detail  string       `json:"detail,omitempty"` // an excerpt or the end of a log, as it is
}

// Sink takes events. Emit must not block for long; it fills in Version and Time where they are zero.
type Sink interface {
	Emit(Event)
}

// SinkFunc is a function as a Sink.
type SinkFunc func(Event)

// Emit calls f.
func (f SinkFunc) Emit(e Event) { f(e) }

// Discard takes events and forgets them.
var Discard Sink = SinkFunc(func(Event) {})
