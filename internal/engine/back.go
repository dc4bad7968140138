package engine

import (
	"fmt"
	"slices"
	"time"

	"github.com/seaworthyhq/seaworthy/internal/event"
	"github.com/seaworthyhq/seaworthy/internal/release"
	"github.com/seaworthyhq/seaworthy/internal/rollout"
	"github.com/seaworthyhq/seaworthy/internal/state"
)

// releaseBefore is where a rollback leads that names no release.
func releaseBefore(tx state.Tx, env release.Environment, now rollout.Generation) (release.ID, error) {
	all, err := tx.Deployments(env, 0)
	if err != nil {
		return "", err
	}
	if id := servedBefore(all, now); id != "" {
		return id, nil
	}
	return "", &release.UserError{
		Kind: release.KindNotFound, Err: fmt.Errorf("nothing served in %s before %s that was not rolled back from", env, now.Release.Short()),
		Hint: env.Command("rollback RELEASE") + " goes to any other one; " + env.Command("history") + " lists them",
	}
}

// servedBefore is the release that served before the one that serves now; empty: none did. What was rolled back from counts no
// more, so that each rollback leads further back. The deployments are all of an environment, the last one first.
func servedBefore(all []release.Deployment, now rollout.Generation) release.ID {
	var way []release.ID // that led to what serves
	for _, d := range slices.Backward(all) {
		if d.Number > now.Deployment || d.Result != release.Succeeded || d.Cause == release.CauseDown {
			continue
		}
		if d.Cause == release.CauseRollback {
			way = backTo(way, d.Release)
		}
		if len(way) == 0 || way[len(way)-1] != d.Release {
			way = append(way, d.Release)
		}
	}
	if n := len(way); n > 0 && way[n-1] == now.Release {
		way = way[:n-1]
	}
	if len(way) == 0 {
		return ""
	}
	return way[len(way)-1]
}

// backTo is the way up to where it last came by a release; all of it where it never did.
func backTo(way []release.ID, id release.ID) []release.ID {
	for i, passed := range slices.Backward(way) {
		if passed == id {
			return way[:i+1]
		}
	}
	return way
}

// again is how long after a deployment was given up a rollback is taken for the same wish, said twice: by a second person, or
// because the first call was cut.
const again = 10 * time.Minute

// justGivenUp reports whether a rollback means this deployment, which has just been given up: to go further back would be more
// than is asked for.
func justGivenUp(last release.Deployment, now time.Time) bool {
	return last.Result == release.Cancelled && now.Sub(last.Ended) < again
}

// warnUnproven says that a rollback leads to a release that has never served in its environment.
func (e *Engine) warnUnproven(d deployment, sink event.Sink) error {
	var all []release.Deployment
	err := e.db.View(func(tx state.Tx) (err error) { all, err = tx.Deployments(d.env, 0); return err })
	if err != nil {
		return err
	}
	text := fmt.Sprintf("%s has never served in %s", d.record.ID.Short(), d.env)
	for _, tried := range slices.Backward(all) {
		switch {
		case tried.Release != d.record.ID:
		case tried.Result == release.Succeeded:
			return nil
		default:
			text = fmt.Sprintf("%s has never come up in %s: %s was %s", d.record.ID.Short(), d.env, tried.Name(), tried.Result)
		}
	}
	sink.Emit(event.Event{Type: event.TypeMessage, Message: &event.Message{
		Level: event.Warn, Text: text, Hint: d.env.Command("history") + " shows which did",
	}})
	return nil
}

// sayHeld says what a rollback leaves behind.
func sayHeld(d deployment, sink event.Sink) {
	if d.cause == release.CauseRollback {
		say(sink, fmt.Sprintf("%s: held at %s until %s", d.env, d.record.ID.Short(), d.env.Command("resume")))
	}
}
