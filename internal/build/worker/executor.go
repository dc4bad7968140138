package worker

import (
	"context"
	"path/filepath"
	"sync"
	"time"

	"github.com/containerd/log"
	"github.com/moby/buildkit/executor"
	resourcestypes "github.com/moby/buildkit/executor/resources/types"
	"github.com/moby/buildkit/identity"
	"github.com/opencontainers/go-digest"

	"github.com/seaworthyhq/seaworthy/internal/host/cgroup"
)

// executors holds each RUN step to its limits and says where one failed for them.
type executors struct {
	executor.Executor
	parent  string // control group of all RUN steps
	limits  Limits
	running sync.WaitGroup // steps that have not ended
}

func (e *executors) Run(ctx context.Context, id string, root executor.Mount, mounts []executor.Mount,
	process executor.ProcessInfo, started chan<- struct{},
) (resourcestypes.Recorder, error) {
	return e.run(ctx, id, root, mounts, process, started, Step{})
}

func (e *executors) run(ctx context.Context, id string, root executor.Mount, mounts []executor.Mount,
	process executor.ProcessInfo, started chan<- struct{}, step Step,
) (resourcestypes.Recorder, error) {
	e.running.Add(1)
	defer e.running.Done()
	if id == "" {
		id = identity.NewID()
	}
	group, err := newRunGroup(e.parent, id, e.limits)
	if err != nil {
		return nil, err
	}
	defer e.running.Go(group.remove)
	process.Meta.CgroupParent = group.path
	go cgroup.ReadyMoves()
	out, finish := limitOutput(ctx, &process, step.Stdout)
	defer finish()
	stop := step.watch(ctx, group.path)
	rec, err := e.Executor.Run(ctx, id, root, mounts, process, started)
	over := stop()
	if err == nil {
		return rec, nil
	}
	err = out.explain(err, over != nil || ctx.Err() != nil)
	if over != nil && ctx.Err() == nil {
		return rec, over(err)
	}
	return rec, group.explain(err)
}

// executorRoot is where RUN steps have their bundles, one folder each, named by the container's id.
func executorRoot(root string) string { return filepath.Join(root, "executor") }

// watch kills all processes of a control group once the step's time is over, until stop is called, which says whether it was.
func (s Step) watch(ctx context.Context, group string) (stop func() TimeOver) {
	if s.Patience == nil {
		return func() TimeOver { return nil }
	}
	ended := make(chan struct{})
	var over TimeOver
	var watching sync.WaitGroup
	watching.Go(func() {
		if over = s.Patience(ended); over == nil {
			return
		}
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
	return func() TimeOver {
		close(ended)
		watching.Wait()
		return over
	}
}

// stepExecutor runs the processes of a vertex.
type stepExecutor struct {
	*executors
	steps  Steps
	vertex digest.Digest
}

// Run ends the process, and nothing else, when its time is over: then the solver keeps what it has left.
func (e stepExecutor) Run(ctx context.Context, id string, root executor.Mount, mounts []executor.Mount,
	process executor.ProcessInfo, started chan<- struct{},
) (resourcestypes.Recorder, error) {
	step := e.steps.Begin(e.vertex)
	defer step.Ended()
	return e.run(ctx, id, root, mounts, process, started, step)
}
