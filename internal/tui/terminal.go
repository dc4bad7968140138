package tui

import (
	"slices"
	"sync"
	"time"

	"github.com/seaworthyhq/seaworthy/internal/event"
)

const (
	// tick is the time between two frames.
	tick = 100 * time.Millisecond
	// patience is how long nothing is shown: what ends before, because there was nothing to do, ends with one line.
	patience = 150 * time.Millisecond
)

// terminal is the renderer with the live view. One goroutine draws; Emit only takes in what happened.
type terminal struct {
	Options
	out     Output
	stop    chan struct{}
	stopped chan struct{}
	close   sync.Once
	result  error // of Close

	mu      sync.Mutex // guards what follows, never held over a write
	view    *view
	stay    []string // lines that are to go to the scrollback
	settled bool     // the stages' summary is in the scrollback

	screen screen // the drawing goroutine's, then Close's
}

func newTerminal(o Options) *terminal {
	t := &terminal{
		Options: o,
		out:     Describe(o.Out, o.Color),
		stop:    make(chan struct{}),
		stopped: make(chan struct{}),
		view:    newView(time.Now()),
		screen:  screen{w: o.Out},
	}
	if t.Size == nil {
		t.Size = func() (int, int) { return sizeOf(o.Out) }
	}
	width, _ := t.Size()
	t.out.Width = max(1, width-1) // what ends before the first frame has its lines, too
	go t.run()
	return t
}

// Emit takes in an event. What has to stay on the screen goes above the live view with the next frame.
func (t *terminal) Emit(e event.Event) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.view.apply(e, time.Now())
	switch {
	case e.Graph != nil && t.Stages && !t.Quiet:
		t.stay = append(t.stay, t.view.listing(t.out, t.Options, *e.Graph)...)
	case e.Message != nil:
		for _, m := range t.view.newMessages() {
			t.stay = append(t.stay, messageLines(t.out, t.Options, m)...)
		}
	case e.Log != nil && t.Verbose:
		t.stay = append(t.stay, t.view.logLine(t.out, *e.Log))
	case e.Plan != nil && !e.Plan.Empty:
		t.settle()
		if t.Quiet {
			t.stay = append(t.stay, planWarnings(t.out, *e.Plan)...)
		} else {
			t.stay = append(t.stay, planLines(t.out, *e.Plan)...)
		}
	}
}

// settle moves the stages from the live view to the scrollback.
func (t *terminal) settle() {
	if !t.settled {
		t.settled = true
		t.stay = append(t.stay, t.view.stageSummary(t.out, t.Options, time.Now())...)
	}
}

func (t *terminal) run() {
	defer close(t.stopped)
	select {
	case <-time.After(patience):
	case <-t.stop:
		return
	}
	frames := time.NewTicker(tick)
	defer frames.Stop()
	for {
		t.drawFrame()
		select {
		case <-frames.C:
		case <-t.stop:
			return
		}
	}
}

func (t *terminal) drawFrame() {
	width, height := t.Size()
	t.mu.Lock()
	t.out.Width = max(1, width-1) // a full line would leave the cursor in doubt
	stay := t.stay
	t.stay = nil
	frame := t.view.frame(t.out, height-1, t.settled, time.Now())
	t.mu.Unlock()
	t.screen.draw(width, stay, frame)
}

// Close takes the live view away and leaves the summary.
func (t *terminal) Close(err error) error {
	t.close.Do(func() {
		close(t.stop)
		<-t.stopped
		t.result = t.finish(err)
	})
	return t.result
}

func (t *terminal) finish(err error) error {
	width, _ := t.Size()
	t.mu.Lock()
	t.out.Width = max(1, width-1)
	if err == nil {
		err = t.view.failure()
	}
	if !t.view.idle() || err != nil {
		t.settle()
	}
	stay := slices.Concat(t.stay, t.view.summary(t.out, t.Options, err, time.Now()))
	t.stay = nil
	t.mu.Unlock()
	if err == nil {
		t.screen.draw(width, stay, nil)
		return t.screen.err
	}
	if len(stay) > 0 {
		stay = append(stay, "")
	}
	t.screen.draw(width, stay, nil)
	Error(t.Err, err)
	return shown(err)
}
