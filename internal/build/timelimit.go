package build

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/seaworthyhq/seaworthy/internal/build/worker"
	"github.com/seaworthyhq/seaworthy/internal/event"
)

// clock is the time that a stage has, from its first instruction behind FROM. It runs while anything of the stage does: waiting, for
// another stage or for a free place, takes none of it.
type clock struct {
	stage string
	limit time.Duration
	over  chan struct{} // closed when the time is over
	hung  func()        // is called then if no process of the stage runs

	mu        sync.Mutex // guards the rest
	left      time.Duration
	since     time.Time // when it began to run; zero: it stands
	timer     *time.Timer
	processes int
	works     bool // some instruction does, as far as the solver has said
	ended     bool
}

// set changes what the clock knows of its stage, and has it run or stand accordingly.
func (k *clock) set(change func()) {
	k.mu.Lock()
	defer k.mu.Unlock()
	change()
	switch runs := !k.ended && (k.works || k.processes > 0); {
	case runs && k.since.IsZero():
		k.since = time.Now()
		k.timer = time.AfterFunc(k.left, k.end)
	case !runs && !k.since.IsZero() && k.timer.Stop():
		k.left -= time.Since(k.since)
		k.since = time.Time{}
	}
}

// end is called when the time is over.
func (k *clock) end() {
	close(k.over)
	k.mu.Lock()
	hangs := k.processes == 0
	k.mu.Unlock()
	if hangs {
		k.hung()
	}
}

// clocks are those of a build that have begun to run.
type clocks struct {
	hung func(stage string, limit *timeLimitError) // is called when a stage's time is over and no process of it runs

	mu  sync.Mutex
	all map[string]*clock // by stage
}

func (c *clocks) clock(s Stage) *clock {
	c.mu.Lock()
	defer c.mu.Unlock()
	k, known := c.all[s.Key]
	if !known {
		k = &clock{stage: s.Name, limit: s.Timeout, left: s.Timeout, over: make(chan struct{})}
		k.hung = func() { c.hung(s.Key, k.reached(nil)) }
		c.all[s.Key] = k
	}
	return k
}

// of are the clocks of stages; a stage that may take any time has none.
func (c *clocks) of(stages []Stage) (list clockList) {
	for _, s := range stages {
		if s.Timeout > 0 {
			list = append(list, c.clock(s))
		}
	}
	return list
}

// stop ends all clocks.
func (c *clocks) stop() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, k := range c.all {
		k.set(func() { k.ended = true })
	}
}

func (k *clock) reached(err error) *timeLimitError { return &timeLimitError{err, k.stage, k.limit} }

// clockList are those of the stages that a process is of.
type clockList []*clock

// runs says that a process runs, until the function it returns is called.
func (l clockList) runs() (ended func()) {
	for _, k := range l {
		k.set(func() { k.processes++ })
	}
	return func() {
		for _, k := range l {
			k.set(func() { k.processes-- })
		}
	}
}

// patience is how long a process may run: until the last of the clocks is over of what it is done for. That can become more while it
// runs, as other builds come to wait for it.
type patience func() (list clockList, unlimited bool)

// lose waits until all clocks are over, and blames the one with the most time; nil if the process ended before, or may take any
// time.
func (p patience) lose(ended <-chan struct{}) worker.TimeOver {
	for {
		list, unlimited := p()
		running := slices.IndexFunc(list, func(k *clock) bool { return !k.isOver() })
		switch {
		case unlimited || len(list) == 0:
			return nil
		case running < 0:
			longest := slices.MaxFunc(list, func(a, b *clock) int { return cmp.Compare(a.limit, b.limit) })
			return func(err error) error { return longest.reached(err) }
		}
		select {
		case <-list[running].over:
		case <-ended:
			return nil
		}
	}
}

func (k *clock) isOver() bool {
	select {
	case <-k.over:
		return true
	default:
		return false
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

// Hint says what to do.
func (e *timeLimitError) Hint() string {
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
	for _, t := range p.req.Targets {
		if p.edges.needs(t.Key, stage) {
			targets = append(targets, t.Key)
		}
	}
	return targets
}

// works is told whether some instruction of a stage does.
func (c *clocks) works(s Stage, works bool) {
	k := c.clock(s)
	k.set(func() { k.works = works })
}

// works reports whether it does something that counts for the time limit.
func (in *instruction) works() bool { return in.state == event.Started && !in.prepares() }

// prepares reports whether it only brings in what the stage begins with: a base image, the context.
func (in *instruction) prepares() bool {
	scheme, _, _ := strings.Cut(in.vertices[0].source, "://")
	return slices.Contains([]string{"docker-image", "oci-layout", "local"}, scheme)
}

func isTimeLimit(err error) bool {
	_, ok := errors.AsType[*timeLimitError](err)
	return ok
}
