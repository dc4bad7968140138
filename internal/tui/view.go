package tui

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"github.com/seaworthyhq/seaworthy/internal/event"
	"github.com/seaworthyhq/seaworthy/internal/release"
)

// rolloutRole is the role of steps after packaging; every other role is a stage's.
const rolloutRole = "rollout"

// checkRole is that of stages that gate the release.
const checkRole = "check"

// stagePrefix begins the keys of stages.
const stagePrefix = "stage:"

// view is what the stream has told so far. Renderers differ only in how they show it.
type view struct {
	began        time.Time
	steps        []*step // in the order of the graph
	byKey        map[string]*step
	instructions map[string]*instruction // by digest
	loose        []*instruction          // those that belong to no step: metadata, contexts, exports
	replicas     map[string]*release.Replica
	wrong        map[string]*release.Replica // those with which something is or was wrong, as they were then
	messages     []event.Message             // as they come
	closing      []event.Message             // those that belong below the outcome: where the service answers
	plan         *event.Plan
	times        *release.Times
	release      *event.Release
	deployment   *release.Deployment
	end          *event.End
	crowd        crowd
	listed       bool // the stages were, with what is not built
}

// step is a stage or an operation, and what is known of it.
type step struct {
	event.Node
	state        event.State
	detail       string
	err          string
	empty        bool // nothing has to be made for it
	started      time.Time
	ended        time.Time
	took         time.Duration
	clock        clock
	because      []release.Reason
	tests        release.Tests
	report       *event.Report
	instructions []*instruction
	log          tail
}

type instruction struct {
	event.Instruction
	started time.Time
}

func newView(now time.Time) *view {
	return &view{
		began:        now,
		byKey:        map[string]*step{},
		instructions: map[string]*instruction{},
		replicas:     map[string]*release.Replica{},
		wrong:        map[string]*release.Replica{},
	}
}

// apply takes in one event, which arrived now. Elapsed times count from arrival: the engine may run by another clock.
func (v *view) apply(e event.Event, now time.Time) {
	switch {
	case e.Graph != nil:
		for _, n := range e.Graph.Steps {
			v.addNode(n)
		}
	case e.Step != nil:
		v.step(e.Step.Key).change(*e.Step, now)
	case e.Instruction != nil:
		v.changeInstruction(*e.Instruction, now)
	case e.Log != nil:
		for _, key := range writersOf(*e.Log) {
			if s := v.byKey[key]; s != nil {
				s.log.add(e.Log.Line)
			}
		}
	case e.Report != nil:
		v.step(e.Report.Step).report = e.Report
	case e.Times != nil:
		v.times = e.Times
	case e.Message != nil && v.decided() && e.Message.Level != event.Warn:
		v.closing = append(v.closing, *e.Message)
	case e.Message != nil:
		v.messages = append(v.messages, *e.Message)
	case e.Plan != nil:
		v.plan = e.Plan
		if !e.Plan.Only { // else they are in the plan, and no steps to come
			v.addOperations(e.Plan.Operations)
		}
	case e.Release != nil:
		v.release = e.Release
	case e.Deployment != nil:
		v.deployment = e.Deployment
	case e.Replica != nil:
		v.changeReplica(e.Replica)
	case e.End != nil:
		v.end = e.End
	}
}

func (v *view) addNode(n event.Node) {
	s := v.step(n.Key)
	s.Node = n
	if n.Skip && s.state == event.Pending {
		s.state = event.Skipped
	}
}

// addOperations makes steps of a plan's operations, whose keys steps have with or without their prefix.
func (v *view) addOperations(operations []event.Operation) {
	for _, op := range operations {
		after := make([]string, len(op.After))
		for i, key := range op.After {
			after[i] = operationKey(key)
		}
		v.addNode(event.Node{Key: operationKey(op.Key), Name: op.Text, Role: rolloutRole, Why: op.Cause, After: after})
	}
}

func operationKey(key string) string {
	return rolloutRole + ":" + strings.TrimPrefix(key, rolloutRole+":")
}

// step returns the step of that key; one that no graph has announced is known by its key alone.
func (v *view) step(key string) *step {
	if s := v.byKey[key]; s != nil {
		return s
	}
	kind, name, ok := strings.Cut(key, ":")
	if !ok {
		kind, name = "", key
	}
	s := &step{Node: event.Node{Key: key, Name: name}, state: event.Pending}
	if kind == rolloutRole || kind == "deploy" {
		s.Role = rolloutRole
	}
	v.byKey[key] = s
	v.steps = append(v.steps, s)
	return s
}

func (s *step) change(e event.Step, now time.Time) {
	if s.started.IsZero() && e.State != event.Pending {
		s.started = now
	}
	s.state, s.detail, s.err, s.empty = e.State, e.Detail, e.Error, e.Empty
	if len(e.Because) > 0 {
		s.because = e.Because
	}
	if e.Tests != nil {
		s.tests = *e.Tests
	}
	if e.State.Ended() {
		s.took = cmp.Or(e.Took, s.elapsed(now))
		if s.ended.IsZero() {
			s.ended = now
		}
	}
	if e.State == event.Done || e.State == event.Cached {
		s.log = tail{} // nobody asks for it here any more
	}
}

// writersOf are the keys of the steps that a line of a log belongs to.
func writersOf(l event.Log) []string {
	if len(l.Steps) > 0 {
		return l.Steps
	}
	return []string{l.Step}
}

func (v *view) changeInstruction(e event.Instruction, now time.Time) {
	in := v.instructions[e.Digest]
	if in == nil {
		in = &instruction{}
		v.instructions[e.Digest] = in
		if len(e.Steps) == 0 {
			v.loose = append(v.loose, in)
		}
	}
	if in.started.IsZero() && e.State != event.Pending {
		in.started = now
	}
	if e.State.Ended() && e.Took == 0 {
		e.Took = now.Sub(in.started)
	}
	in.Instruction = e
	for _, key := range e.Steps {
		s := v.step(key)
		if !slices.Contains(s.instructions, in) {
			s.instructions = append(s.instructions, in)
		}
		s.clock.set(s.running() != nil, now)
	}
}

// stages are the steps of the build, operations those of the rollout.
func (v *view) stages() []*step { return v.where(func(s *step) bool { return s.Role != rolloutRole }) }

func (v *view) operations() []*step {
	return v.where(func(s *step) bool { return s.Role == rolloutRole })
}

func (v *view) where(keep func(*step) bool) []*step {
	var steps []*step
	for _, s := range v.steps {
		if keep(s) {
			steps = append(steps, s)
		}
	}
	return steps
}

// building reports whether a stage runs.
func (v *view) building() bool {
	return slices.ContainsFunc(v.steps, func(s *step) bool { return s.state == event.Started && s.Role != rolloutRole })
}

// idle reports whether all that happened was finding that nothing has to be done.
func (v *view) idle() bool {
	if v.plan == nil || !v.plan.Empty {
		return false
	}
	return !slices.ContainsFunc(v.steps, func(s *step) bool {
		return s.state != event.Cached && s.state != event.Skipped && s.state != event.Pending
	})
}

// decided reports whether the outcome is known: the deployment has ended, or there is none to make or asked for.
func (v *view) decided() bool {
	return v.deployment != nil && v.deployment.Result != release.Running || v.plan != nil && v.plan.Empty || v.planned()
}

// planned reports whether a plan was all that was asked for.
func (v *view) planned() bool { return v.plan != nil && v.plan.Only }

// newMessages returns the messages that came since the last call.
func (v *view) newMessages() []event.Message {
	messages := v.messages
	v.messages = nil
	return messages
}

// failure is the error that the stream ended with, or nil.
func (v *view) failure() error {
	if v.end == nil {
		return nil
	}
	return v.end.Error.Err()
}

// running is the instruction of the step that runs for the longest, or nil.
func (s *step) running() *instruction {
	for _, in := range s.instructions {
		if in.State == event.Started {
			return in
		}
	}
	return nil
}

// latest is the instruction of the step that began last, or nil.
func (s *step) latest() (last *instruction) {
	for _, in := range s.instructions {
		if !in.started.IsZero() && (last == nil || in.started.After(last.started)) {
			last = in
		}
	}
	return last
}

// failed is the instruction that the step failed at, or nil.
func (s *step) failed() *instruction {
	for _, in := range s.instructions {
		if in.State == event.Failed {
			return in
		}
	}
	return nil
}

// onlyFetches reports whether the step is nothing but the image that it is FROM.
func (s *step) onlyFetches() bool {
	return len(s.instructions) > 0 && !slices.ContainsFunc(s.instructions, func(in *instruction) bool { return !in.onlyFetches() })
}

// onlyFetches reports whether the instruction brings the image that a stage is FROM.
func (in *instruction) onlyFetches() bool {
	word, _, _ := strings.Cut(in.Text, " ")
	return strings.EqualFold(word, "FROM") || strings.HasPrefix(in.Text, "load metadata ")
}

// tally counts the step's instructions: all that are known, those that ended, and those of them that came from cache. What
// the build does besides, such as loading its context, is none, where the step has any.
func (s *step) tally() (all, ended, cached int) {
	written := slices.ContainsFunc(s.instructions, func(in *instruction) bool { return in.Line > 0 })
	for _, in := range s.instructions {
		if written && in.Line == 0 {
			continue
		}
		all++
		if in.State.Ended() {
			ended++
		}
		if in.State == event.Cached {
			cached++
		}
	}
	return all, ended, cached
}

// waitsFor names the steps that the step cannot start without and that have not ended.
func (v *view) waitsFor(s *step) []string {
	var names []string
	for _, key := range s.After {
		if before := v.byKey[key]; before != nil && !before.state.Ended() {
			names = append(names, Clean(before.Name))
		}
	}
	return names
}
