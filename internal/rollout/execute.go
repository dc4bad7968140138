package rollout

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/seaworthyhq/seaworthy/internal/event"
)

// StepPrefix is put before an operation's key to make the key of its step.
const StepPrefix = "rollout:"

// OperationError is the operation that made a plan fail, and why.
type OperationError struct {
	Operation Operation
	Err       error
}

func (e *OperationError) Error() string { return fmt.Sprintf("%s: %v", e.Operation, e.Err) }

// Unwrap is why the operation failed.
func (e *OperationError) Unwrap() error { return e.Err }

// LeftoverError says that the plan came to its end but for some cleaning up.
type LeftoverError struct {
	Errs []error // *OperationError
}

func (e *LeftoverError) Error() string { return errors.Join(e.Errs...).Error() }

// Unwrap has what was not cleaned up.
func (e *LeftoverError) Unwrap() []error { return e.Errs }

// Execute does what the plan says, everything at once that does not wait for something else, and decides nothing. When an
// operation fails, what runs is cancelled and waited for and nothing more is started; the error is an *OperationError then.
// Where only cleaning up failed it is a *LeftoverError.
func Execute(ctx context.Context, p Plan, host Host, sink event.Sink) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	e := &execution{
		host: host, sink: sink, cancel: cancel,
		waiting: map[string]int{}, next: map[string][]Operation{},
		lost: map[string]map[string]bool{}, finished: make(chan outcome),
	}
	return e.run(ctx, p)
}

// execution is one walk through a plan. Only the goroutine of run touches its state.
type execution struct {
	host   Host
	sink   event.Sink
	cancel context.CancelCauseFunc

	waiting  map[string]int             // by key: how many operations it still waits for
	next     map[string][]Operation     // by key: what waits for it
	lost     map[string]map[string]bool // by service: replicas that failed and were tolerated
	finished chan outcome
	running  int
	failed   *OperationError
	leftover []error
	cut      bool // something was not done because ctx ended
}

type outcome struct {
	op   Operation
	err  error
	took time.Duration
}

func (e *execution) run(ctx context.Context, p Plan) error {
	e.announce(p)
	for _, op := range p.Operations {
		e.waiting[op.Key] = len(op.After)
		for _, after := range op.After {
			e.next[after] = append(e.next[after], op)
		}
	}
	for _, op := range p.Operations {
		if len(op.After) == 0 {
			e.launch(ctx, op)
		}
	}
	for e.running > 0 {
		o := <-e.finished
		e.running--
		e.finish(ctx, o)
	}
	e.skipRest(p)
	switch {
	case e.failed != nil:
		return e.failed
	case e.cut:
		return context.Cause(ctx)
	case len(e.leftover) > 0:
		return &LeftoverError{Errs: e.leftover}
	}
	return nil
}

// launch starts an operation, unless the plan has failed or its replica is one that is given up.
func (e *execution) launch(ctx context.Context, op Operation) {
	if ctx.Err() != nil {
		e.cut = true
		return
	}
	delete(e.waiting, op.Key)
	e.running++
	if e.lost[op.Service][op.ID] {
		e.step(op, event.Skipped, 0, nil)
		go func() { e.finished <- outcome{op: op} }()
		return
	}
	e.step(op, event.Started, 0, nil)
	go func() {
		start := time.Now()
		err := e.call(ctx, op)
		e.finished <- outcome{op, err, time.Since(start)}
	}()
}

// finish records how an operation ended and launches what has waited for it.
func (e *execution) finish(ctx context.Context, o outcome) {
	switch {
	case e.lost[o.op.Service][o.op.ID]: // skipped
	case o.err == nil:
		e.step(o.op, event.Done, o.took, nil)
	case ctx.Err() != nil:
		e.step(o.op, event.Stopped, o.took, o.err)
		e.cut = true
		return
	default:
		e.step(o.op, event.Failed, o.took, o.err)
		if !e.bear(o.op, o.err) {
			return
		}
	}
	for _, op := range e.next[o.op.Key] {
		if e.waiting[op.Key]--; e.waiting[op.Key] == 0 {
			e.launch(ctx, op)
		}
	}
}

// bear reports whether the plan goes on behind a failed operation.
func (e *execution) bear(op Operation, err error) bool {
	failure := &OperationError{Operation: op, Err: err}
	if op.Cleanup {
		e.leftover = append(e.leftover, failure)
		return false
	}
	if len(e.lost[op.Service]) < op.Tolerate {
		if e.lost[op.Service] == nil {
			e.lost[op.Service] = map[string]bool{}
		}
		e.lost[op.Service][op.ID] = true
		return true
	}
	e.failed = failure
	e.cancel(failure)
	return false
}

// call is the one place where an operation becomes a call.
func (e *execution) call(ctx context.Context, op Operation) error {
	h := e.host
	switch op.Kind {
	case Prepare:
		return h.Prepare(ctx, op.Networks, op.Volumes)
	case Start:
		return h.Start(ctx, *op.Replica)
	case Await:
		return h.Await(ctx, op.ID, op.Until, op.Limit, func(why string) {
			e.sink.Emit(event.Event{Type: event.TypeStep, Step: &event.Step{Key: StepPrefix + op.Key, State: event.Started, Detail: why}})
		})
	case Route:
		return h.Route(ctx, *op.Serving)
	case Drain:
		return h.Drain(ctx, op.ID, op.Limit)
	case Stop:
		return h.Stop(ctx, op.ID, op.Limit)
	case Remove:
		return h.Remove(ctx, op.ID)
	case RemoveNetwork:
		return h.RemoveNetwork(ctx, op.Network)
	case Delay:
		return sleep(ctx, op.Limit)
	}
	return fmt.Errorf("operation %s: unknown kind %q", op.Key, op.Kind)
}

func sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// announce lists the steps before the first of them starts.
func (e *execution) announce(p Plan) {
	graph := &event.Graph{}
	for _, op := range p.Operations {
		node := event.Node{Key: StepPrefix + op.Key, Name: op.String(), Role: "rollout", Why: op.Cause}
		for _, after := range op.After {
			node.After = append(node.After, StepPrefix+after)
		}
		graph.Steps = append(graph.Steps, node)
	}
	if len(graph.Steps) > 0 {
		e.sink.Emit(event.Event{Type: event.TypeGraph, Graph: graph})
	}
}

func (e *execution) step(op Operation, s event.State, took time.Duration, err error) {
	step := &event.Step{Key: StepPrefix + op.Key, State: s, Took: took}
	if err != nil {
		step.Error = err.Error()
	}
	e.sink.Emit(event.Event{Type: event.TypeStep, Step: step})
}

// skipRest says of what was not reached that it will not be.
func (e *execution) skipRest(p Plan) {
	for _, op := range p.Operations {
		if _, waits := e.waiting[op.Key]; waits {
			e.step(op, event.Skipped, 0, nil)
		}
	}
}
