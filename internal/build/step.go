package build

import (
	"context"
	"maps"
	"slices"

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
	var stages []Stage
	for _, r := range builds {
		of := r.progress.begin(e.vertex)
		stages, s.clocks = append(stages, of...), append(s.clocks, r.clocks.of(of)...)
	}
	if len(s.clocks) < len(stages) {
		s.clocks = nil // one of them may take any time
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
	for _, s := range p.all {
		if slices.Contains(v.of.steps, s.Key) {
			p.stage(s.Key).begun = true
			stages = append(stages, s)
		}
	}
	return stages
}
