package build

import (
	"context"
	"path/filepath"
	"sync"

	"github.com/moby/buildkit/executor"
	resourcestypes "github.com/moby/buildkit/executor/resources/types"
	"github.com/moby/buildkit/identity"

	"github.com/seaworthyhq/seaworthy/internal/host/cgroup"
)

// executors holds each RUN step to its limits and says where one failed for them. It counts the steps that have not ended, so
// that closing can wait for them.
type executors struct {
	executor.Executor
	steps  *sync.WaitGroup // that have not ended
	parent string          // control group of all RUN steps
	limits Limits
}

func (e *executors) Run(ctx context.Context, id string, root executor.Mount, mounts []executor.Mount,
	process executor.ProcessInfo, started chan<- struct{},
) (resourcestypes.Recorder, error) {
	return e.run(ctx, id, root, mounts, process, started, step{})
}

func (e *executors) run(ctx context.Context, id string, root executor.Mount, mounts []executor.Mount,
	process executor.ProcessInfo, started chan<- struct{}, s step,
) (resourcestypes.Recorder, error) {
	e.steps.Add(1)
	defer e.steps.Done()
	if id == "" {
		id = identity.NewID()
	}
	group, err := newRunGroup(e.parent, id, e.limits)
	if err != nil {
		return nil, err
	}
	defer e.steps.Go(group.remove)
	process.Meta.CgroupParent = group.path
	go cgroup.ReadyMoves()
	out, finish := limitOutput(ctx, &process, s.tests)
	defer finish()
	stop := s.patience.watch(ctx, group.path)
	rec, err := e.Executor.Run(ctx, id, root, mounts, process, started)
	over := stop()
	if err == nil {
		return rec, nil
	}
	err = out.explain(err, over != nil || ctx.Err() != nil)
	if over != nil && ctx.Err() == nil {
		return rec, over.reached(err)
	}
	return rec, group.explain(err)
}

// executorRoot is where RUN steps have their bundles, one folder each, named by the container's id.
func executorRoot(root string) string { return filepath.Join(root, "executor") }
