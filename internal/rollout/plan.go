package rollout

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/seaworthyhq/seaworthy/internal/event"
	"github.com/seaworthyhq/seaworthy/internal/release"
)

// Plan is what a rollout does and why. Equal observations and wishes give equal plans.
type Plan struct {
	Environment release.Environment
	Title       string   // "deploy r-1a2b3c4d over r-9f8e7d6c"
	Changes     []Change // what happens to each service, sorted by name
	Operations  []Operation
}

// Empty reports whether there is nothing to do.
func (p Plan) Empty() bool { return len(p.Operations) == 0 }

// Event is the plan as it goes to who listens.
func (p Plan) Event() event.Event {
	plan := &event.Plan{Environment: p.Environment, Text: p.String(), Empty: p.Empty()}
	for _, c := range p.Changes {
		plan.Changes = append(plan.Changes, c.event())
	}
	for _, op := range p.Operations {
		plan.Operations = append(plan.Operations, event.Operation{
			Key: op.Key, Text: op.String(), Cause: op.Cause, After: op.After,
		})
	}
	for _, round := range rounds(p.Operations) {
		plan.Rounds = append(plan.Rounds, strings.Join(sentences(round), "; "))
	}
	return event.Event{Type: event.TypePlan, Plan: plan}
}

// Digest is that of all that the plan does: what each replica runs as well as what String shows. Equal digests are equal plans.
func (p Plan) Digest() release.Digest {
	b, err := json.Marshal(p)
	if err != nil {
		panic(fmt.Sprintf("plan cannot be written as JSON: %v", err)) // only a type that JSON does not know
	}
	return release.DigestOf(b)
}

// Kind says which call an operation is.
type Kind string

// The kinds of operations, each one call of a Host; Delay is the executor's own.
const (
	Prepare       Kind = "prepare"
	Start         Kind = "start"
	Await         Kind = "await"
	Route         Kind = "route"
	Drain         Kind = "drain"
	Stop          Kind = "stop"
	Remove        Kind = "remove"
	RemoveNetwork Kind = "remove network"
	Delay         Kind = "delay"
)

// Operation is one call. Only the fields that its Kind needs are set.
type Operation struct {
	// Key follows from what the operation does, so that the same operation of a later plan has the same key.
	Key   string
	Kind  Kind
	After []string // keys of the operations that have to be done before
	Cause string   // for people; may be empty

	Service string
	ID      string // of the replica
	Index   int    // of the replica
	Old     bool   // the replica is of an earlier specification; another one has its index
	Failed  bool   // the replica is of the deployment that failed, and from which this plan leads back

	Replica  *Replica          // Start
	Until    Until             // Await
	Limit    time.Duration     // Await, Drain, Stop: how long it may take; Delay: how long it takes
	Serving  *Serving          // Route
	Effect   string            // Route, for people: "hold db"
	Networks []release.Network // Prepare
	Volumes  []release.Volume  // Prepare
	Network  string            // RemoveNetwork

	// Tolerate is how many replicas of the service may fail before the rollout counts as failed (Start, Await).
	Tolerate int
	// Cleanup marks what is left to do once the new generation is proven. Its failure does not undo that; the next plan
	// finds what is left.
	Cleanup bool
}

// Until is what an Await waits for.
type Until string

// What can be waited for. Well is that a replica is healthy, or running where there is nothing to ask it with, and a failure
// as soon as it is known that it will not be. Ended is an exit with code 0. Steady is that the replica stays well for
// the whole Limit.
const (
	Well   Until = "well"
	Ended  Until = "ended"
	Steady Until = "steady"
)

// sequence collects operations in an order in which they could run one after the other.
type sequence struct {
	operations []Operation
}

// add appends the operation and returns its key. An operation never waits for itself or for nothing.
func (s *sequence) add(op Operation, after ...[]string) string {
	op.After = joined(append(after, op.After)...)
	op.After = slices.DeleteFunc(op.After, func(k string) bool { return k == op.Key })
	if len(op.After) == 0 {
		op.After = nil
	}
	s.operations = append(s.operations, op)
	return op.Key
}

// joined is all keys, each once, sorted.
func joined(lists ...[]string) []string {
	all := slices.Concat(lists...)
	slices.Sort(all)
	all = slices.Compact(all)
	return slices.DeleteFunc(all, func(k string) bool { return k == "" })
}
