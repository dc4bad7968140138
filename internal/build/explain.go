package build

import (
	"context"
	"slices"
	"strings"
	"sync"

	"github.com/containerd/log"
	"github.com/moby/buildkit/client"
	"github.com/opencontainers/go-digest"

	"github.com/seaworthyhq/seaworthy/internal/cause"
	"github.com/seaworthyhq/seaworthy/internal/event"
)

// explainer says of each stage why it did not come from cache, as soon as two things are known: that its first instruction runs,
// and what that is made of.
type explainer struct {
	req      *Request
	progress *progress
	lists    *lists
	values   []func() values // by variant
	wake     chan struct{}
	done     sync.WaitGroup
	telling  sync.Mutex // one explains at a time

	mu         sync.Mutex // guards what is below
	operations []operation
	byVertex   map[digest.Digest]int   // in operations
	byKey      map[digest.Digest][]int // in operations; what targets make of different parts of the context may be the same
	claims     map[digest.Digest]*claim
	began      map[digest.Digest]bool // vertices
	waiting    []digest.Digest        // those of them that are yet to be explained, as they began
	fetched    []digest.Digest        // vertices that brought something in
	ranKeys    map[digest.Digest]bool
	told       map[root]bool
	partly     map[string]bool       // steps of which not all is known
	bySteps    map[string]cause.Made // of operations; nil: they have changed
	closed     bool
}

// root is an operation that ran first of a step.
type root struct {
	step string
	key  digest.Digest
}

func newExplainer(req *Request, p *progress, l *lists) *explainer {
	e := &explainer{
		req: req, progress: p, lists: l, wake: make(chan struct{}, 1),
		byVertex: map[digest.Digest]int{}, byKey: map[digest.Digest][]int{}, claims: map[digest.Digest]*claim{}, began: map[digest.Digest]bool{},
		ranKeys: map[digest.Digest]bool{}, told: map[root]bool{}, partly: map[string]bool{},
	}
	for _, v := range req.variants() {
		e.values = append(e.values, sync.OnceValue(func() values { return e.read(v.Args) }))
	}
	e.done.Go(func() {
		for range e.wake {
			e.explain()
		}
	})
	return e
}

// explain finds out what a target is made of, beside its being built. What it returns waits for that.
func (s *targetSolve) explain(ctx context.Context) (wait func() []cause.Operation) {
	found := make(chan []cause.Operation, 1)
	go func() {
		all, err := s.operations(ctx)
		if err != nil && ctx.Err() == nil {
			log.G(ctx).WithError(err).Warn("say what made a stage") // a build does not fail for want of a reason
		}
		s.why.learn(all)
		if err != nil {
			s.why.knowsPartly(s.stepsBeyond(all))
			all = nil
		}
		ops := make([]cause.Operation, len(all))
		for i, op := range all {
			ops[i] = op.Operation
		}
		found <- ops
	}()
	return sync.OnceValue(func() []cause.Operation { return <-found })
}

// stepsBeyond are the steps that have more than these operations of the target.
func (s *targetSolve) stepsBeyond(all []operation) (steps []string) {
	placed := s.graph.placed(s.progress.written[s.target.Variant])
	for _, n := range s.graph.nodes {
		known := slices.ContainsFunc(all, func(op operation) bool { return op.vertex == n.digest })
		if !known && !strings.HasPrefix(n.source, localSource) {
			steps = append(steps, stepsOf(placed[n.digest])...)
		}
	}
	return steps
}

// knowsPartly notes steps of which it could not be found out what they are made of: a file that cannot be read, a build that was
// ended before. Nothing is recorded of those, as the next time would miss what is not known.
func (e *explainer) knowsPartly(steps []string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, step := range steps {
		e.partly[step] = true
	}
}

// claim returns an operation that another target has found out about, waiting where one is at it, or what to call when the
// caller has.
func (e *explainer) claim(vertex digest.Digest) (op cause.Operation, found func(cause.Operation, error)) {
	for {
		e.mu.Lock()
		c, claimed := e.claims[vertex]
		if !claimed {
			c = &claim{done: make(chan struct{})}
			e.claims[vertex] = c
			e.mu.Unlock()
			return op, func(op cause.Operation, err error) {
				e.mu.Lock()
				defer e.mu.Unlock()
				if c.op = op; err != nil {
					delete(e.claims, vertex)
				}
				c.failed = err != nil
				close(c.done)
			}
		}
		e.mu.Unlock()
		if <-c.done; !c.failed {
			return c.op, nil
		}
	}
}

// claim is an operation that a target finds out about, for all that have it.
type claim struct {
	done   chan struct{}
	op     cause.Operation
	failed bool
}

// learn takes in what a target is made of.
func (e *explainer) learn(all []operation) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.bySteps = nil
	for _, op := range all {
		if i, known := e.byVertex[op.vertex]; known {
			stages := len(e.operations[i].Stages)
			e.operations[i].Operation = e.operations[i].With(op.Operation)
			if e.began[op.vertex] && len(e.operations[i].Stages) > stages { // those have it yet to be explained
				e.waiting = append(e.waiting, op.vertex)
			}
			continue
		}
		e.byVertex[op.vertex] = len(e.operations)
		e.byKey[op.Key] = append(e.byKey[op.Key], len(e.operations))
		e.operations = append(e.operations, op)
		if e.ranKeys[op.Key] {
			e.waiting = append(e.waiting, op.vertex)
		}
	}
	if len(e.waiting) > 0 {
		e.wakeUp()
	}
}

// saw takes in the solver's news of a vertex: one that begins without its result being there runs. It reports whether that is to
// be explained.
func (e *explainer) saw(vertex digest.Digest, got *client.Vertex) bool {
	if e == nil || got.Started == nil || got.Cached {
		return false
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.began[vertex] {
		return false
	}
	e.began[vertex] = true
	e.waiting = append(e.waiting, vertex)
	return true
}

// transferred takes in how far the transfers of a vertex are.
func (e *explainer) transferred(v *vertex) {
	if e == nil || !v.ran() {
		return
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if !slices.Contains(e.fetched, v.digest) {
		e.fetched = append(e.fetched, v.digest)
	}
}

// wakeUp is called with the lock held.
func (e *explainer) wakeUp() {
	if e.closed {
		return
	}
	select {
	case e.wake <- struct{}{}:
	default:
	}
}

// close explains what there still is to explain.
func (e *explainer) close() {
	e.mu.Lock()
	e.closed = true
	close(e.wake)
	e.mu.Unlock()
	e.done.Wait()
	e.explain()
	for _, c := range e.brought() {
		e.progress.because(c.Step, c.Brought())
	}
}

// explain says all that can be said by now. What another has begun to say is said when it returns.
func (e *explainer) explain() {
	e.telling.Lock()
	defer e.telling.Unlock()
	for _, c := range e.cases() {
		e.progress.because(c.Step, c.Reasons())
	}
}

// cases are the operations that have begun to run, are the first to do so in a step, and have not been explained.
func (e *explainer) cases() (all []cause.Case) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, vertex := range e.fetched {
		if i, known := e.byVertex[vertex]; known {
			e.ranKeys[e.operations[i].Key] = true
		}
	}
	waiting := e.waiting
	e.waiting = nil
	for _, vertex := range waiting {
		i, known := e.byVertex[vertex]
		if !known {
			e.waiting = append(e.waiting, vertex)
			continue
		}
		op := e.operations[i].Operation
		if len(op.Inputs) == 0 && op.Files == "" {
			continue // it is looked up in each build, and that says nothing
		}
		e.ranKeys[op.Key] = true
		for _, same := range e.byKey[op.Key] { // the solver runs it once
			all = append(all, e.casesOf(e.operations[same].Operation)...)
		}
	}
	return all
}

// casesOf are those of an operation that runs, in each step that it is the first of to do so.
func (e *explainer) casesOf(op cause.Operation) (all []cause.Case) {
	for _, step := range op.Stages {
		if is := (root{step, op.Key}); !e.follows(step, op) && !e.told[is] {
			e.told[is] = true
			all = append(all, e.caseOf(step, op))
		}
	}
	return all
}

// follows reports whether something in the step ran that goes into an operation.
func (e *explainer) follows(step string, op cause.Operation) bool {
	for _, in := range e.operations {
		if in.Source == "" && slices.Contains(op.Inputs, in.Key) && slices.Contains(in.Stages, step) && e.ranKeys[in.Key] {
			return true
		}
	}
	return false
}

// brought are the images that were brought in where nothing of the step ran.
func (e *explainer) brought() (all []cause.Case) {
	e.mu.Lock()
	defer e.mu.Unlock()
	ran := map[string]bool{}
	for is := range e.told {
		ran[is.step] = true
	}
	for _, vertex := range e.fetched {
		i, known := e.byVertex[vertex]
		if !known {
			continue
		}
		for _, step := range e.operations[i].Stages {
			if !ran[step] {
				all = append(all, e.caseOf(step, e.operations[i].Operation))
			}
		}
	}
	return all
}

func (e *explainer) caseOf(step string, op cause.Operation) cause.Case {
	c := cause.Case{
		Op: op.In(step), Step: step, Before: e.req.Before[step],
		Ran: func(key digest.Digest) bool {
			e.mu.Lock()
			defer e.mu.Unlock()
			return e.ranKeys[key]
		},
		Files: e.lists.read,
		Name:  e.req.nameOf,
	}
	if len(c.Before.Operations) > 0 {
		c.Now = e.now()[step]
	}
	return c
}

// now is what each step is made of, as far as is known. The lock is held.
func (e *explainer) now() map[string]cause.Made {
	if e.bySteps == nil {
		e.bySteps = cause.ByStep(e.all(), nil)
	}
	return e.bySteps
}

func (e *explainer) all() []cause.Operation {
	all := make([]cause.Operation, len(e.operations))
	for i, op := range e.operations {
		all[i] = op.Operation
	}
	return all
}

// made is what there is to record of each stage, when the build has ended. One that was not come to is as it was.
func (e *explainer) made() map[string]cause.Made {
	ended := e.progress.outcome()
	e.mu.Lock()
	defer e.mu.Unlock()
	done := map[digest.Digest]bool{}
	for _, op := range slices.Backward(e.operations) {
		if ended.complete[op.vertex] || done[op.Key] {
			done[op.Key] = true
			for _, in := range op.Inputs {
				done[in] = true
			}
		}
	}
	made := cause.ByStep(e.all(), func(key digest.Digest) bool { return done[key] })
	missing, ran := map[string]bool{}, map[string]bool{}
	for _, op := range e.operations {
		for _, step := range op.Stages {
			missing[step] = missing[step] || !done[op.Key]
			ran[step] = ran[step] || op.Source == "" && e.ranKeys[op.Key]
			m := made[step]
			if ended.failed[op.vertex] {
				m.Failed = op.Key
			}
			if ended.stopped[op.vertex] {
				m.Stopped = append(m.Stopped, op.Key)
			}
			made[step] = m
		}
	}
	for step := range made {
		if e.partly[step] || missing[step] && !ran[step] {
			delete(made, step)
		}
	}
	return made
}

// listedBefore names the list of the files that an instruction of steps took the last time.
func (e *explainer) listedBefore(steps []string, text string) digest.Digest {
	for _, step := range steps {
		for _, op := range e.req.Before[step].Operations {
			if op.Files != "" && op.Text == text {
				return op.Files
			}
		}
	}
	return ""
}

// outcome is what became of vertices: those that have a result, those that failed, those that were at work when they were stopped.
type outcome struct{ complete, failed, stopped map[digest.Digest]bool }

// outcome tells how the vertices stand.
func (p *progress) outcome() outcome {
	p.mu.Lock()
	defer p.mu.Unlock()
	o := outcome{map[digest.Digest]bool{}, map[digest.Digest]bool{}, map[digest.Digest]bool{}}
	for _, v := range p.order {
		switch v.state {
		case event.Done, event.Cached:
			o.complete[v.digest] = !v.looked
		case event.Failed:
			o.failed[v.digest] = true
		case event.Started, event.Stopped:
			o.stopped[v.digest] = v.source == "" && len(v.spells) > 0
		}
	}
	return o
}

func (r *Request) nameOf(step string) string {
	for _, s := range r.stages() {
		if s.Key == step && s.Name != "" {
			return s.Name
		}
	}
	return strings.TrimPrefix(step, "stage:")
}
