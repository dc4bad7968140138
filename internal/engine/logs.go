package engine

import (
	"context"
	"fmt"
	"iter"
	"slices"
	"time"

	"github.com/seaworthyhq/seaworthy/internal/api"
	"github.com/seaworthyhq/seaworthy/internal/event"
	"github.com/seaworthyhq/seaworthy/internal/release"
	"github.com/seaworthyhq/seaworthy/internal/runtime"
)

// logs emits what replicas wrote, in order of time, and then, if wanted, what they and those that come after them write.
func (e *Engine) logs(ctx context.Context, req api.LogsRequest, sink event.Sink) error {
	s, err := e.environment(req.Environment)
	if err != nil {
		return err
	}
	previous, err := e.runtime.Previous(req.Environment)
	if err != nil {
		return err
	}
	removed := req.Previous || req.Deployment > 0
	if len(previous) == 0 || !removed { // what is gone from the environment may have logs
		if err := e.knowService(s, req.Services...); err != nil {
			return err
		}
	}
	follow := newFollower(e, req, sink) // before anybody is listed, so that nobody is missed
	defer follow.cancel()
	var open []*openLog
	defer func() {
		for _, l := range open {
			l.Close()
		}
	}()
	opts := runtime.LogOptions{Since: req.Since, Tail: req.Tail}
	for _, r := range e.machine.Replicas(req.Environment) {
		if !wantsLog(req, r) {
			continue
		}
		if reader, err := e.runtime.OpenLog(r.ID, opts); err == nil { // otherwise it was removed in between
			open = append(open, &openLog{LogReader: reader, replica: r, sink: sink, since: req.Since})
		}
	}
	for _, p := range previous {
		if removed && wantsLog(req, p.Replica) {
			open = append(open, &openLog{LogReader: p.OpenLog(opts), replica: p.Replica, sink: sink, since: req.Since})
		}
	}
	if len(open) == 0 && len(previous) == 0 && e.isDown(req.Environment) {
		return nothingServes(req.Environment)
	}
	if len(open) == 0 && !req.Follow {
		return noLogs(req)
	}
	inOrder(open)
	if !req.Follow {
		return nil
	}
	return follow.run(ctx, open)
}

func wantsLog(req api.LogsRequest, r release.Replica) bool {
	return (len(req.Services) == 0 || slices.Contains(req.Services, r.Service)) &&
		(req.Deployment == 0 || req.Deployment == r.Deployment)
}

func noLogs(req api.LogsRequest) error {
	err := &release.UserError{
		Kind: release.KindNotFound, Err: fmt.Errorf("no replicas in %s to read logs of", req.Environment),
		Hint: req.Environment.Command("logs --previous") + " has what was removed; " + req.Environment.Command("status") + " shows what runs",
	}
	switch {
	case req.Deployment > 0:
		err.Err = fmt.Errorf("no logs of replicas that %s#%d started: it started none, or they are no longer kept", req.Environment, req.Deployment)
		err.Hint = req.Environment.Command("history") + " shows what was deployed"
	case req.Previous:
		err.Hint = req.Environment.Command("up") + " starts some"
	}
	return err
}

// openLog is the log of one replica while it is read.
type openLog struct {
	*runtime.LogReader
	replica release.Replica
	sink    event.Sink
	since   time.Time // what is older is not told
	said    time.Time // of the last end that was told
}

func (l *openLog) emit(line runtime.LogLine) {
	if line.Stream == runtime.LogExit {
		l.tellEnd(line.Time, line.Line)
		return
	}
	l.sink.Emit(l.event(line))
}

// tellEnd says how the replica ended, once.
func (l *openLog) tellEnd(at time.Time, how string) {
	if how != "" && at.After(l.since) && !at.Equal(l.said) {
		l.said = at
		l.sink.Emit(l.event(runtime.LogLine{Time: at, Stream: runtime.LogExit, Line: how}))
	}
}

func (l *openLog) event(line runtime.LogLine) event.Event {
	return event.Event{Time: line.Time, Type: event.TypeLog, Log: &event.Log{
		Service: l.replica.Service, Replica: l.replica.ID, Deployment: l.replica.Deployment, Stream: line.Stream, Line: line.Line,
	}}
}

// lines are the backlog, and behind it how the replica ended if it has.
func (l *openLog) lines() iter.Seq2[runtime.LogLine, error] {
	return func(yield func(runtime.LogLine, error) bool) {
		for line, err := range l.Backlog() {
			if err != nil || !yield(line, nil) {
				return // a log that is being removed
			}
		}
		if l.replica.State == release.StateExited {
			yield(runtime.LogLine{Time: l.replica.Ended, Stream: runtime.LogExit, Line: l.replica.Detail}, nil)
		}
	}
}

// inOrder emits the backlogs of all logs, the oldest line first.
func inOrder(logs []*openLog) {
	type head struct {
		log  *openLog
		line runtime.LogLine
		next func() (runtime.LogLine, error, bool)
	}
	var heads []*head
	for _, l := range logs {
		next, stop := iter.Pull2(l.lines())
		defer stop()
		if line, _, ok := next(); ok {
			heads = append(heads, &head{l, line, next})
		}
	}
	for len(heads) > 0 {
		first := slices.MinFunc(heads, func(a, b *head) int { return a.line.Time.Compare(b.line.Time) })
		first.log.emit(first.line)
		line, _, ok := first.next()
		if first.line = line; !ok {
			heads = slices.DeleteFunc(heads, func(h *head) bool { return h == first })
		}
	}
}
