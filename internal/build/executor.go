package build

import (
	"context"
	"path/filepath"
	"sync"

	"github.com/moby/buildkit/executor"
	resourcestypes "github.com/moby/buildkit/executor/resources/types"
)

// executors counts the RUN steps that have not ended, so that closing can wait for them.
type executors struct {
	executor.Executor
	running *sync.WaitGroup
}

func (e *executors) Run(ctx context.Context, id string, root executor.Mount, mounts []executor.Mount,
	process executor.ProcessInfo, started chan<- struct{},
) (resourcestypes.Recorder, error) {
	e.running.Add(1)
	defer e.running.Done()
	return e.Executor.Run(ctx, id, root, mounts, process, started)
}

// executorRoot is where RUN steps have their bundles, one folder each, named by the container's id.
func executorRoot(root string) string { return filepath.Join(root, "executor") }
