package build

import (
	"context"
	"maps"
	"slices"
	"time"

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

	"github.com/seaworthyhq/seaworthy/internal/release"
	"github.com/seaworthyhq/seaworthy/internal/report"
)

// stepWorker tells the executor which vertex a process is of, and the builds what waits for a free place.
type stepWorker struct {
	*base.Worker
	builder *Builder
}

// ResolveOp is the worker's own but for RUN. What fetches is asked what it is by its type, so it stays as it is.
func (w stepWorker) ResolveOp(v solver.Vertex, bridge frontend.FrontendLLBBridge, sm *session.Manager, proxy worker.ProxyOpt) (solver.Op, error) {
	op, _ := v.Sys().(*pb.Op)
	queue := func(waited release.Spell) { w.builder.queue(v.Digest(), waited) }
	switch of := op.GetOp().(type) {
	case *pb.Op_Exec:
		run, err := w.resolveRun(v, op, of, sm)
		return queuedOp{run, queue}, err
	case *pb.Op_File, *pb.Op_Merge, *pb.Op_Diff:
		other, err := w.Worker.ResolveOp(v, bridge, sm, proxy)
		return queuedOp{other, queue}, err
	}
	return w.Worker.ResolveOp(v, bridge, sm, proxy)
}

func (w stepWorker) resolveRun(v solver.Vertex, op *pb.Op, run *pb.Op_Exec, sm *session.Manager) (solver.Op, error) {
	var resources *pb.LinuxResources
	if md, ok := v.Options().Metadata.(*linuxresources.Metadata); ok && md != nil {
		resources = md.LinuxResources
	}
	exec := stepExecutor{w.Executor().(*executors), w.builder, v.Digest()}
	return ops.NewExecOp(v, run, op.Platform, w.CacheMgr, w.ParallelismSem, sm, exec, w.Worker, resources, false)
}

// queuedOp tells how long an operation waited for a free place.
type queuedOp struct {
	solver.Op
	waited func(release.Spell)
}

func (o queuedOp) Acquire(ctx context.Context) (solver.ReleaseFunc, error) {
	began := time.Now()
	free, err := o.Op.Acquire(ctx)
	if ended := time.Now(); ended.Sub(began) >= time.Millisecond {
		o.waited(release.Spell{Started: began, Ended: ended})
	}
	return free, err
}

// queue tells the running builds that a vertex waited.
func (b *Builder) queue(vertex digest.Digest, waited release.Spell) {
	builds, _ := b.needing(vertex)
	for _, r := range builds {
		r.progress.queue(vertex, waited)
	}
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
	held, _ := e.clocks()
	defer held.runs()()
	builds, image := e.builder.needing(e.vertex)
	if len(builds) == 0 || image {
		return e.run(ctx, id, root, mounts, process, started, step{})
	}
	s := step{tests: &report.GoTest{}, patience: e.clocks}
	rec, err := e.run(ctx, id, root, mounts, process, started, s)
	builds, _ = e.builder.needing(e.vertex) // others may have come to wait for it
	for _, r := range builds {
		r.progress.tested(e.vertex, s.tests.Summary())
	}
	return rec, err
}

// clocks are those of the stages that the process is of, in all builds; one of them may take any time if it is unlimited.
func (e stepExecutor) clocks() (list clockList, unlimited bool) {
	builds, image := e.builder.needing(e.vertex)
	for _, r := range builds {
		stages := r.progress.begin(e.vertex)
		clocks := r.clocks.of(stages)
		list, unlimited = append(list, clocks...), unlimited || len(clocks) < len(stages)
	}
	return list, unlimited || image
}

// needing are the running builds that need the vertex, and whether an image does in one of them.
func (b *Builder) needing(vertex digest.Digest) (all []*running, image bool) {
	b.mu.Lock()
	builds := slices.Collect(maps.Values(b.builds))
	b.mu.Unlock()
	for _, r := range builds {
		known, forImage := r.progress.use(vertex)
		image = image || forImage
		if known {
			all = append(all, r)
		}
	}
	return all, image
}

// step is what there is to know of a RUN step that only checks need.
type step struct {
	patience patience
	tests    *report.GoTest // takes in its standard output
}

// use says whether anything is known of a vertex, and whether an image needs it.
func (p *progress) use(dgst digest.Digest) (known, image bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	v := p.known(dgst)
	return v != nil && v.of != nil, v != nil && v.forImage()
}

// begin is told of a process that starts, before the solver's status says so, and returns the stages that it belongs to.
func (p *progress) begin(dgst digest.Digest) (stages []Stage) {
	p.mu.Lock()
	defer p.mu.Unlock()
	v := p.known(dgst)
	if v == nil || v.of == nil {
		return nil
	}
	for _, s := range p.all {
		if slices.Contains(v.of.steps, s.Key) {
			p.stage(s.Key).begun = true
			stages = append(stages, s)
		}
	}
	return stages
}
