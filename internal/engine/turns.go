package engine

import (
	"context"
	"fmt"
	"slices"
	"sync"

	"github.com/seaworthyhq/seaworthy/internal/event"
	"github.com/seaworthyhq/seaworthy/internal/release"
)

// turns lets one at a time change an environment.
type turns struct {
	mu      sync.Mutex // guards holders
	holders map[release.Environment]holder
}

type holder struct {
	work
	done chan struct{}
}

// work is what a turn is taken for.
type work struct {
	what      string // for whom others wait
	canGiveUp bool
}

func newTurns() *turns { return &turns{holders: map[release.Environment]holder{}} }

// take waits for the environment's turn, says for whom, and returns what gives it back.
func (t *turns) take(ctx context.Context, env release.Environment, w work, sink event.Sink) (func(), error) {
	told := false
	for {
		t.mu.Lock()
		current, taken := t.holders[env]
		if !taken {
			mine := holder{work: w, done: make(chan struct{})}
			t.holders[env] = mine
			t.mu.Unlock()
			return func() { t.give(env, mine) }, nil
		}
		t.mu.Unlock()
		if !told {
			told = true
			m := event.Message{Level: event.Info, Text: fmt.Sprintf("%s: waiting for %s", env, current.what)}
			if current.canGiveUp {
				m.Hint = env.Command("rollback") + " gives that one up"
			}
			sink.Emit(event.Event{Type: event.TypeMessage, Message: &m})
		}
		select {
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		case <-current.done:
		}
	}
}

func (t *turns) give(env release.Environment, h holder) {
	t.mu.Lock()
	delete(t.holders, env)
	t.mu.Unlock()
	close(h.done)
}

// busy says what is going on, for people.
func (t *turns) busy() []string {
	t.mu.Lock()
	defer t.mu.Unlock()
	var all []string
	for env, h := range t.holders {
		all = append(all, fmt.Sprintf("%s: %s", env, h.what))
	}
	slices.Sort(all)
	return all
}
