package engine

import (
	"context"
	"fmt"
	"slices"
	"sync"

	"github.com/seaworthyhq/seaworthy/internal/event"
	"github.com/seaworthyhq/seaworthy/internal/release"
)

// turns lets one at a time change an environment; the others wait in the order in which they came, behind what is urgent.
type turns struct {
	mu     sync.Mutex                      // guards queues
	queues map[release.Environment][]*turn // the first has the turn
}

type turn struct {
	work
	come chan struct{} // closed when it has
}

// work is what a turn is taken for.
type work struct {
	what      string // for whom others wait
	canGiveUp bool
	urgent    bool                    // it goes before all that wait
	hurries   bool                    // what can be cut short is, where this comes next
	cutShort  context.CancelCauseFunc // ends it early; nil: it is waited for
}

func newTurns() *turns { return &turns{queues: map[release.Environment][]*turn{}} }

// take waits for the environment's turn, says for whom, and returns what gives it back. Until the turn has come nothing has
// begun: ctx withdraws it.
func (t *turns) take(ctx context.Context, env release.Environment, w work, sink event.Sink) (func(), error) {
	mine := &turn{work: w, come: make(chan struct{})}
	before := t.queue(env, mine)
	give := func() { t.leave(env, mine) }
	if len(before) == 0 {
		return give, nil
	}
	m := waiting(env, before, w)
	if now := before[0]; len(before) == 1 && w.hurries && now.cutShort != nil {
		now.cutShort(cutShortFor(env, now, w))
		m.Text, m.Begun = fmt.Sprintf("%s: ending %s", env, now.what), true
	}
	sink.Emit(event.Event{Type: event.TypeMessage, Message: m})
	select {
	case <-ctx.Done():
		give()
		return nil, context.Cause(ctx)
	case <-mine.come:
	}
	say(sink, env.String()+": its turn has come")
	return give, nil
}

func cutShortFor(env release.Environment, now, w work) error {
	return &release.UserError{
		Kind: release.KindRollout, Err: fmt.Errorf("%s was cut short for %s", now.what, w.what), Hint: env.Command("status") + " shows what serves",
	}
}

// waiting says for whom.
func waiting(env release.Environment, before []work, mine work) *event.Message {
	m := &event.Message{Level: event.Info, Text: fmt.Sprintf("%s: waiting for %s", env, before[0].what), Waiting: true}
	for _, w := range before[1:] {
		m.Text += ", then " + w.what
	}
	if before[0].canGiveUp && !mine.urgent { // that has done so
		m.Hint = env.Command("rollback") + " gives that one up"
	}
	return m
}

// queue puts one in, and returns who comes before.
func (t *turns) queue(env release.Environment, mine *turn) []work {
	t.mu.Lock()
	defer t.mu.Unlock()
	queue := t.queues[env]
	at := len(queue)
	if mine.urgent {
		at = min(1, at)
	}
	var before []work
	for _, other := range queue[:at] {
		before = append(before, other.work)
	}
	t.queues[env] = slices.Insert(queue, at, mine)
	return before
}

// leave takes one out of the queue, and has the next one's turn come if it was the first.
func (t *turns) leave(env release.Environment, mine *turn) {
	t.mu.Lock()
	defer t.mu.Unlock()
	queue := t.queues[env]
	at := slices.Index(queue, mine)
	queue = slices.Delete(queue, at, at+1)
	if len(queue) == 0 {
		delete(t.queues, env)
		return
	}
	t.queues[env] = queue
	if at == 0 {
		close(queue[0].come)
	}
}

// line says who has the environment's turn, and who waits for it, the next one first.
func (t *turns) line(env release.Environment) (now string, then []string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for i, w := range t.queues[env] {
		if i == 0 {
			now = w.what
			continue
		}
		then = append(then, w.what)
	}
	return now, then
}

// busy says what is going on, for people.
func (t *turns) busy() []string {
	t.mu.Lock()
	defer t.mu.Unlock()
	var all []string
	for env, queue := range t.queues {
		all = append(all, fmt.Sprintf("%s: %s", env, queue[0].what))
	}
	slices.Sort(all)
	return all
}
