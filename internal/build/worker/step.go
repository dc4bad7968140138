package worker

import (
	"context"
	"io"
	"time"

	"github.com/moby/buildkit/frontend"
	"github.com/moby/buildkit/session"
	"github.com/moby/buildkit/solver"
	"github.com/moby/buildkit/solver/llbsolver/linuxresources"
	"github.com/moby/buildkit/solver/llbsolver/ops"
	"github.com/moby/buildkit/solver/pb"
	bkworker "github.com/moby/buildkit/worker"
	"github.com/opencontainers/go-digest"

	"github.com/seaworthyhq/seaworthy/internal/release"
)

// Steps knows what each vertex is for: the worker tells it what becomes of one, and asks it what to hold it to.
type Steps interface {
	// Waited is told how long a vertex waited for a free place.
	Waited(vertex digest.Digest, waited release.Spell)
	// Begin is told of a process that is about to start, before the solver's status says so.
	Begin(vertex digest.Digest) Step
}

// Step is what one process of a RUN step is held to, and who hears it.
type Step struct {
	// Stdout takes in all that it writes there, however little of it is told; nil: nobody does.
	Stdout io.Writer
	// Patience waits until the time is over that the process has, and returns nil where ended was closed before. Nil: it may take any time.
	Patience func(ended <-chan struct{}) TimeOver
	// Ended is called when the process has, or could not be started.
	Ended func()
}

// TimeOver is what the failure of a process becomes that was killed because its time was over.
type TimeOver func(failure error) error

// ResolveOp is the worker's own but for RUN. What fetches is asked what it is by its type, so it stays as it is.
func (w *Worker) ResolveOp(v solver.Vertex, bridge frontend.FrontendLLBBridge, sm *session.Manager, proxy bkworker.ProxyOpt) (solver.Op, error) {
	op, _ := v.Sys().(*pb.Op)
	waited := func(spell release.Spell) { w.steps.Waited(v.Digest(), spell) }
	switch of := op.GetOp().(type) {
	case *pb.Op_Exec:
		run, err := w.resolveRun(v, op, of, sm)
		return queuedOp{run, waited}, err
	case *pb.Op_File, *pb.Op_Merge, *pb.Op_Diff:
		other, err := w.Worker.ResolveOp(v, bridge, sm, proxy)
		return queuedOp{other, waited}, err
	}
	return w.Worker.ResolveOp(v, bridge, sm, proxy)
}

func (w *Worker) resolveRun(v solver.Vertex, op *pb.Op, run *pb.Op_Exec, sm *session.Manager) (solver.Op, error) {
	var resources *pb.LinuxResources
	if md, ok := v.Options().Metadata.(*linuxresources.Metadata); ok && md != nil {
		resources = md.LinuxResources
	}
	exec := stepExecutor{w.executors, w.steps, v.Digest()}
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
