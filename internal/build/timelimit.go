package build

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/containerd/log"

	"github.com/seaworthyhq/seaworthy/internal/host/cgroup"
)

// clock is the time that a stage has, from its first instruction behind FROM.
type clock struct {
	stage   string
	limit   time.Duration
	timer   *time.Timer
	over    chan struct{} // closed when the time is over
	running atomic.Int32  // processes
}

// clocks are those of a build that have begun to run.
type clocks struct {
	hung func(stage string, limit *timeLimitError) // is called when a stage's time is over and no process of it runs

	mu  sync.Mutex
	all map[string]*clock // by stage
}

func (c *clocks) begin(s Stage) *clock {
	c.mu.Lock()
	defer c.mu.Unlock()
	if known, ok := c.all[s.Key]; ok {
		return known
	}
	k := &clock{stage: s.Name, limit: s.Timeout, over: make(chan struct{})}
	k.timer = time.AfterFunc(s.Timeout, func() {
		close(k.over)
		if k.running.Load() == 0 {
			c.hung(s.Key, k.reached(nil))
		}
	})
	c.all[s.Key] = k
	return k
}

// of are the clocks of stages, which run from now on; a stage that may take any time has none.
func (c *clocks) of(stages []Stage) (list clockList) {
	for _, s := range stages {
		if s.Timeout > 0 {
			list = append(list, c.begin(s))
		}
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

func (k *clock) reached(err error) *timeLimitError { return &timeLimitError{err, k.stage, k.limit} }

// clockList are those that a process is held to: it may run until the last one is over.
type clockList []*clock

// runs says that a process runs, until the function it returns is called.
func (l clockList) runs() (ended func()) {
	for _, k := range l {
		k.running.Add(1)
	}
	return func() {
		for _, k := range l {
			k.running.Add(-1)
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

func (e *timeLimitError) Error() string { return fmt.Sprintf("ran longer than %v (timeout)", e.limit) }
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
