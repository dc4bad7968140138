package tui

import (
	"bytes"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/seaworthyhq/seaworthy/internal/event"
)

func TestAFailureIsToldWhileOtherChecksGoOn(t *testing.T) {
	node := func(name, role string) event.Node { return event.Node{Key: stagePrefix + name, Name: name, Role: role} }
	runs := func(name string) event.Event {
		return event.Event{Type: event.TypeInstruction, Instruction: &event.Instruction{
			Digest: name, Steps: []string{stagePrefix + name}, Text: "RUN " + name, File: "Dockerfile", Line: 2, State: event.Started,
		}}
	}
	is := func(name string, state event.State, why string) event.Event {
		return event.Event{Type: event.TypeStep, Step: &event.Step{Key: stagePrefix + name, State: state, Error: why}}
	}
	says := func(name, line string) event.Event {
		return event.Event{Type: event.TypeLog, Log: &event.Log{Step: stagePrefix + name, Line: line}}
	}
	begun := []event.Event{
		{Type: event.TypeGraph, Graph: &event.Graph{Steps: []event.Node{node("bad", checkRole), node("hangs", checkRole), node("web", "image")}}},
		runs("bad"), runs("hangs"), runs("web"), is("bad", event.Started, ""), is("hangs", event.Started, ""), is("web", event.Started, ""),
	}
	failed := is("bad", event.Failed, "exit code 3")
	for name, tc := range map[string]struct {
		quiet  bool
		events []event.Event
		want   string
	}{
		"its log stands above": {
			events: []event.Event{says("hangs", "waiting"), says("bad", "no good"), failed},
			want:   "[bad] no good\n[bad] failed after <1 ms: exit code 3\n1 check failed; hangs goes on: Ctrl-C ends it\n",
		},
		"another log stands between": {
			events: []event.Event{says("bad", "no good"), says("hangs", "waiting"), failed},
			want:   "[hangs] waiting\n[bad] failed after <1 ms: exit code 3\n[bad] │ no good\n1 check failed; hangs goes on: Ctrl-C ends it\n",
		},
		"quiet": {
			quiet:  true,
			events: []event.Event{says("bad", "no good"), failed},
			want:   "[bad] failed after <1 ms: exit code 3\n[bad] │ no good\n1 check failed; hangs goes on: Ctrl-C ends it\n",
		},
		"an image that fails ends the rest": {
			events: []event.Event{is("web", event.Failed, "exit code 3")},
			want:   "[web] failed after <1 ms: exit code 3\n",
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var out bytes.Buffer
				p := newPlain(Options{Out: &out, Quiet: tc.quiet})
				defer p.Close(nil)
				for _, e := range append(append([]event.Event{}, begun...), tc.events...) {
					p.Emit(e)
				}
				time.Sleep(time.Minute)
				synctest.Wait()
				if !strings.HasSuffix(out.String(), tc.want) {
					t.Errorf("want at the end:\n%s\ngot:\n%s", tc.want, out.String())
				}
			})
		})
	}
}
