package build

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/containerd/log"
	"github.com/moby/buildkit/executor"
	resourcestypes "github.com/moby/buildkit/executor/resources/types"
	"github.com/moby/buildkit/frontend"
	"github.com/moby/buildkit/session"
	"github.com/moby/buildkit/solver"
	"github.com/moby/buildkit/solver/llbsolver/linuxresources"
	"github.com/moby/buildkit/solver/llbsolver/ops"
	"github.com/moby/buildkit/solver/pb"
	"github.com/moby/buildkit/worker"
	"github.com/moby/buildkit/worker/base"
	"github.com/opencontainers/go-digest"

	"github.com/seaworthyhq/seaworthy/internal/host/cgroup"
	"github.com/seaworthyhq/seaworthy/internal/report"
)

// stepWorker tells the executor which vertex a process is of.
type stepWorker struct {
	*base.Worker
	builder *Builder
}

// ResolveOp is the worker's own but for RUN.
func (w stepWorker) ResolveOp(v solver.Vertex, bridge frontend.FrontendLLBBridge, sm *session.Manager, proxy worker.ProxyOpt) (solver.Op, error) {
	op, _ := v.Sys().(*pb.Op)
	run, ok := op.GetOp().(*pb.Op_Exec)
	if !ok {
		return w.Worker.ResolveOp(v, bridge, sm, proxy)
	}
	var resources *pb.LinuxResources
	if md, ok := v.Options().Metadata.(*linuxresources.Metadata); ok && md != nil {
		resources = md.LinuxResources
	}
	exec := stepExecutor{w.Executor().(*executors), w.builder, v.Digest()}
	return ops.NewExecOp(v, run, op.Platform, w.CacheMgr, w.ParallelismSem, sm, exec, w.Worker, resources, false)
}

// stepExecutor runs the process of a vertex, and holds it to what the stages say that it is in.
type stepExecutor struct {
	*executors
	builder *Builder
	vertex  digest.Digest
}

// Run ends the process, and nothing else, when its time is over: then the solver keeps what it has left.
func (e stepExecutor) Run(ctx context.Context, id string, root executor.Mount, mounts []executor.Mount,
	process executor.ProcessInfo, started chan<- struct{},
) (resourcestypes.Recorder, error) {
	builds := e.builder.checking(e.vertex)
	if len(builds) == 0 {
		return e.run(ctx, id, root, mounts, process, started, step{})
	}
	s := step{tests: &report.GoTest{}}
	for _, r := range builds {
		s.clocks = append(s.clocks, r.clocks.of(r.progress.begin(e.vertex))...)
	}
	defer s.clocks.runs()()
	rec, err := e.run(ctx, id, root, mounts, process, started, s)
	for _, r := range builds {
		r.progress.tested(e.vertex, s.tests.Summary())
	}
	return rec, err
}

// checking are the running builds in which only checks need the vertex; none, if an image does in one of them.
func (b *Builder) checking(vertex digest.Digest) []*running {
	b.mu.Lock()
	builds := slices.Collect(maps.Values(b.builds))
	b.mu.Unlock()
	var all []*running
	for _, r := range builds {
		switch known, image := r.progress.use(vertex); {
		case image:
			return nil
		case known:
			all = append(all, r)
		}
	}
	return all
}

// step is what there is to know of a RUN step that only checks need.
type step struct {
	clocks clockList
	tests  *report.GoTest // takes in its standard output
}

// clock is the time that a stage has, from its first instruction behind FROM.
type clock struct {
	stage string
	limit time.Duration
	timer *time.Timer
	over  chan struct{} // closed when the time is over

	mu      sync.Mutex
	running int // processes
}

// clocks are those of a build that have begun to run.
type clocks struct {
	hung func(stage string, limit *timeLimitError) // is called when a stage's time is over and no process of it runs

	mu  sync.Mutex
	all map[string]*clock // by stage; nil: it may take any time
}

func (c *clocks) begin(s Stage) *clock {
	c.mu.Lock()
	defer c.mu.Unlock()
	if known, ok := c.all[s.Key]; ok || s.Timeout <= 0 {
		return known
	}
	k := &clock{stage: s.Name, limit: s.Timeout, over: make(chan struct{})}
	k.timer = time.AfterFunc(s.Timeout, func() {
		close(k.over)
		if k.isIdle() {
			c.hung(s.Key, k.reached(nil))
		}
	})
	c.all[s.Key] = k
	return k
}

// of are the clocks of a process that belongs to these stages, which run from now on. There are none if one of the stages may take
// any time.
func (c *clocks) of(stages []Stage) clockList {
	var list clockList
	for _, s := range stages {
		if s.Timeout <= 0 {
			return nil
		}
	}
	for _, s := range stages {
		list = append(list, c.begin(s))
	}
	return list
}

// stop ends all clocks.
func (c *clocks) stop() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, k := range c.all {
		k.timer.Stop()
	}
}

func (k *clock) isIdle() bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.running == 0
}

func (k *clock) count(n int) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.running += n
}

func (k *clock) reached(err error) *timeLimitError { return &timeLimitError{err, k.stage, k.limit} }

// clockList are those that a process is held to: it may run until the last one is over.
type clockList []*clock

// runs says that a process runs, until the function it returns is called.
func (l clockList) runs() (ended func()) {
	for _, k := range l {
		k.count(1)
	}
	return func() {
		for _, k := range l {
			k.count(-1)
		}
	}
}

// watch kills all processes of a control group once the time is over, until stop is called, which says whether it was.
func (l clockList) watch(ctx context.Context, group string) (stop func() *clock) {
	if len(l) == 0 {
		return func() *clock { return nil }
	}
	ended := make(chan struct{})
	var reached *clock
	var watching sync.WaitGroup
	watching.Go(func() {
		for _, k := range l {
			select {
			case <-k.over:
			case <-ended:
				return
			}
		}
		reached = slices.MaxFunc(l, func(a, b *clock) int { return cmp.Compare(a.limit, b.limit) })
		for {
			if err := cgroup.Kill(group); err != nil {
				log.G(ctx).WithError(err).Warn("end a step whose time is over")
			}
			select {
			case <-ended:
				return
			case <-time.After(100 * time.Millisecond): // it may just have been starting
			}
		}
	})
	return func() *clock {
		close(ended)
		watching.Wait()
		return reached
	}
}

// timeLimitError is the failure of a check that took longer than it may.
type timeLimitError struct {
	error
	stage string
	limit time.Duration
}

func (e *timeLimitError) Error() string { return fmt.Sprintf("ran longer than %v", e.limit) }
func (e *timeLimitError) Unwrap() error { return e.error }

func (e *timeLimitError) hint() string {
	return fmt.Sprintf("find out what it waits for, or give it more time: checks: {%s: {timeout: …}} in seaworthy.yaml", e.stage)
}

// hung ends the targets that wait for a stage whose time is over, where no process of it could be ended.
func (r *running) hung(stage string, limit *timeLimitError) {
	for _, target := range r.progress.waitingFor(stage) {
		r.cancels[target](limit)
	}
}

// waitingFor are the targets that need a stage, if something of it has yet to end.
func (p *progress) waitingFor(stage string) (targets []string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	s := p.stage(stage)
	if !slices.ContainsFunc(s.instructions, func(in *instruction) bool { return !in.state.Ended() }) {
		return nil
	}
	for i, t := range p.req.Targets {
		if slices.ContainsFunc(s.instructions, func(in *instruction) bool { return in.parts[i] != nil }) {
			targets = append(targets, t.Key)
		}
	}
	return targets
}

// use says whether anything is known of a vertex, and whether an image needs it.
func (p *progress) use(dgst digest.Digest) (known, image bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	v := p.known(dgst)
	return v != nil && v.of != nil, v != nil && v.image
}

// begin is told of a process that starts, before the solver's status says so, and returns the stages that it belongs to.
func (p *progress) begin(dgst digest.Digest) (stages []Stage) {
	p.mu.Lock()
	defer p.mu.Unlock()
	v := p.known(dgst)
	if v == nil || v.of == nil {
		return nil
	}
	for _, s := range p.req.Stages {
		if slices.Contains(v.of.steps, s.Key) {
			p.stage(s.Key).begun = true
			stages = append(stages, s)
		}
	}
	return stages
}

// begins is told of each instruction of a stage that runs, for the stage's clock.
func (c *clocks) begins(stages []Stage, keys []string) {
	for _, s := range stages {
		if s.Timeout > 0 && slices.Contains(keys, s.Key) {
			c.begin(s)
		}
	}
}

// prepares reports whether it only brings in what the stage begins with: a base image, the context.
func (in *instruction) prepares() bool {
	scheme, _, _ := strings.Cut(in.vertices[0].source, "://")
	return slices.Contains([]string{"docker-image", "oci-layout", "local"}, scheme)
}

func isTimeLimit(err error) bool {
	_, ok := errors.AsType[*timeLimitError](err)
	return ok
}
