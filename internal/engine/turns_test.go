package engine

import (
	"context"
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/seaworthyhq/seaworthy/internal/event"
	"github.com/seaworthyhq/seaworthy/internal/release"
)

// queued takes a turn in the background and returns when it is in the queue.
func queued(ctx context.Context, turns *turns, env release.Environment, w work) (come <-chan func(), gone <-chan error) {
	told, got, failed := make(chan struct{}, 2), make(chan func(), 1), make(chan error, 1)
	go func() {
		give, err := turns.take(ctx, env, w, event.SinkFunc(func(event.Event) { told <- struct{}{} }))
		if err != nil {
			failed <- err
			return
		}
		got <- give
	}()
	<-told
	return got, failed
}

func TestTurnsComeInOrderBehindWhatIsUrgent(t *testing.T) {
	env := release.Environment{Project: "shop", Name: "local"}
	turns := newTurns()
	give, err := turns.take(t.Context(), env, work{what: "holder"}, event.Discard)
	if err != nil {
		t.Fatal(err)
	}
	withdrawn, withdraw := context.WithCancelCause(t.Context())
	why := errors.New("the caller has gone")
	first, _ := queued(t.Context(), turns, env, work{what: "first"})
	_, gone := queued(withdrawn, turns, env, work{what: "withdrawn"})
	last, _ := queued(t.Context(), turns, env, work{what: "last"})
	urgent, _ := queued(t.Context(), turns, env, work{what: "rollback", urgent: true})
	now, then := turns.line(env)
	if diff := cmp.Diff([]string{"holder", "rollback", "first", "withdrawn", "last"}, append([]string{now}, then...)); diff != "" {
		t.Errorf("who stands in line (-want +got):\n%s", diff)
	}
	withdraw(why)
	if err := <-gone; !errors.Is(err, why) {
		t.Errorf("withdrawn: %v", err)
	}
	for _, next := range []<-chan func(){urgent, first, last} {
		give()
		give = <-next
	}
	if _, left := turns.line(env); len(left) > 0 {
		t.Errorf("left: %v", left)
	}
	give()
	if busy := turns.busy(); len(busy) > 0 {
		t.Errorf("busy with %v", busy)
	}
}

func TestWhatCanBeCutShortIsForWhoHurriesAndComesNext(t *testing.T) {
	env := release.Environment{Project: "shop", Name: "local"}
	for _, c := range []struct {
		hurries, behindAnother, cut bool
	}{
		{hurries: true, cut: true},
		{hurries: true, behindAnother: true},
		{},
	} {
		turns := newTurns()
		given, cutShort := context.WithCancelCause(t.Context())
		if _, err := turns.take(t.Context(), env, work{what: "restart", cutShort: cutShort}, event.Discard); err != nil {
			t.Fatal(err)
		}
		if c.behindAnother {
			queued(t.Context(), turns, env, work{what: "up"})
		}
		queued(t.Context(), turns, env, work{what: "down", hurries: c.hurries})
		if cut := given.Err() != nil; cut != c.cut {
			t.Errorf("%+v: cut short: %v", c, cut)
		}
	}
}
