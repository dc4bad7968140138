package engine

import (
	"context"
	"fmt"
	"slices"
	"sync"

	"github.com/seaworthyhq/seaworthy/internal/api"
	"github.com/seaworthyhq/seaworthy/internal/event"
	"github.com/seaworthyhq/seaworthy/internal/release"
	"github.com/seaworthyhq/seaworthy/internal/runtime"
)

// logs emits what replicas wrote.
func (e *Engine) logs(ctx context.Context, req api.LogsRequest, sink event.Sink) error {
	replicas := e.machine.Replicas(req.Environment)
	if req.Previous {
		previous, err := e.runtime.Previous(req.Environment)
		if err != nil {
			return err
		}
		replicas = append(replicas, previous...)
	}
	if len(req.Services) > 0 {
		replicas = slices.DeleteFunc(replicas, func(r release.Replica) bool { return !slices.Contains(req.Services, r.Service) })
	}
	if len(replicas) == 0 {
		return &release.UserError{Kind: release.KindNotFound, Err: fmt.Errorf("no replicas in %s to read logs of", req.Environment), Hint: "seaworthy status shows what runs; --previous has what was removed"}
	}
	var wait sync.WaitGroup
	for _, r := range replicas {
		if !req.Follow { // one after the other, so that lines of one replica stay together
			e.copyLog(ctx, r, req, sink)
			continue
		}
		wait.Go(func() { e.copyLog(ctx, r, req, sink) })
	}
	wait.Wait()
	return nil
}

func (e *Engine) copyLog(ctx context.Context, r release.Replica, req api.LogsRequest, sink event.Sink) {
	opts := runtime.LogOptions{Since: req.Since, Tail: req.Tail, Follow: req.Follow}
	for line, err := range e.runtime.Logs(ctx, r.ID, opts) {
		if err != nil {
			return // the log of a replica that is being removed
		}
		sink.Emit(event.Event{Time: line.Time, Type: event.TypeLog, Log: &event.Log{
			Service: r.Service, Replica: r.ID, Stream: line.Stream, Line: line.Line,
		}})
	}
}
