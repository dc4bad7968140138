package cli

import (
	"context"
	"slices"

	"github.com/spf13/cobra"

	"github.com/seaworthyhq/seaworthy/internal/event"
	"github.com/seaworthyhq/seaworthy/internal/release"
	"github.com/seaworthyhq/seaworthy/internal/tui"
)

// streaming marks the verbs that answer with a stream of events; the others have a result.
const streaming = "stream"

func streams(commands ...*cobra.Command) []*cobra.Command {
	for _, cmd := range commands {
		cmd.Annotations = map[string]string{streaming: "events"}
	}
	return commands
}

func (a *app) renderer() tui.Renderer { return tui.New(a.rendering()) }

// rendering is how the caller wants to see what happens.
func (a *app) rendering() tui.Options {
	mode := tui.Auto
	switch {
	case a.json:
		mode = tui.JSON
	case a.plain:
		mode = tui.Plain
	}
	return tui.Options{Out: a.out, Err: a.err, Mode: mode, Quiet: a.quiet, Verbose: a.verbose}
}

// render runs a call whose events are shown as they come.
func (a *app) render(ctx context.Context, call func(event.Sink) error) error {
	return a.rendered(ctx, a.renderer(), nil, call)
}

// change renders a call that changes an environment, which the engine begins at once and finishes without its caller; where it is
// only planned nothing is changed.
func (a *app) change(ctx context.Context, env release.Environment, planOnly bool, call func(event.Sink) error) error {
	if planOnly {
		return a.render(ctx, call)
	}
	return a.rendered(ctx, a.renderer(), &env, call)
}

func (a *app) rendered(ctx context.Context, r tui.Renderer, changes *release.Environment, call func(event.Sink) error) error {
	sink := &begunSink{Sink: a.typed(r), changes: changes}
	err := call(sink)
	if err != nil && ctx.Err() != nil {
		err = sink.interrupted()
	}
	return r.Close(a.typedError(err))
}

// result prints what a verb found: as JSON, or as people read it.
func (a *app) result(value any, text func(tui.Output) error) error {
	if a.json {
		a.answered = true
		return tui.WriteJSON(a.out, value)
	}
	return text(tui.Describe(a.out, tui.ColorAuto))
}

// failure is what stands for the result of a verb that has none.
type failure struct {
	Error *event.Error `json:"error"`
}

// fail shows the error that a verb ended with, if that has not been done: to people, and to scripts in the form of its answers.
func (a *app) fail(cmd *cobra.Command, args []string, err error) {
	if err == nil || tui.Shown(err) || release.KindOf(err) == release.KindChanges {
		return
	}
	err = a.typedError(err)
	if a.json || asksForJSON(args) && release.KindOf(err) == release.KindUsage {
		a.json = true
		if cmd.Annotations[streaming] != "" {
			_ = a.renderer().Close(err) // nobody is left to tell
			return
		}
		if !a.answered {
			_ = tui.WriteJSON(a.out, failure{event.NewError(err)})
		}
	}
	tui.Error(a.err, err)
}

// asksForJSON is for a command line that was not understood, and its flags with it.
func asksForJSON(args []string) bool {
	if end := slices.Index(args, "--"); end >= 0 {
		args = args[:end]
	}
	return slices.Contains(args, "--json")
}
