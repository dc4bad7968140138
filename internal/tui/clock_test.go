package tui

import (
	"testing"
	"time"

	"github.com/seaworthyhq/seaworthy/internal/event"
)

func TestTheClockOfAStageStandsWhileItWaits(t *testing.T) {
	began := time.Unix(0, 0)
	at := func(seconds float64) time.Time { return began.Add(time.Duration(seconds * float64(time.Second))) }
	v := newView(began)
	v.apply(event.Event{Graph: &event.Graph{Steps: []event.Node{
		{Key: "stage:builder", Name: "builder", Role: "image"}, {Key: "stage:web", Name: "web", Role: "image", After: []string{"stage:builder"}},
	}}}, at(0))
	instruction := func(seconds float64, digest, text string, state event.State) {
		v.apply(event.Event{Instruction: &event.Instruction{Digest: digest, Steps: []string{"stage:web"}, Text: text, Line: 3, State: state}}, at(seconds))
	}
	instruction(0, "a", "RUN apt-get install", event.Pending)
	instruction(0, "b", "COPY --from=builder /app /", event.Pending)
	v.apply(event.Event{Step: &event.Step{Key: "stage:web", State: event.Started}}, at(1))
	instruction(1, "a", "RUN apt-get install", event.Started)
	web := v.byKey["stage:web"]
	want := func(seconds float64, what, took string) {
		t.Helper()
		if r := v.row(web, at(seconds)); r.what != what || r.took != took {
			t.Errorf("after %v s: %q %q", seconds, r.what, r.took)
		}
	}
	want(3.5, "RUN apt-get install", "2 s")
	instruction(5, "a", "RUN apt-get install", event.Done)
	want(5.1, "RUN apt-get install", "4 s") // it may go on at once
	want(9, "waits for builder", "4 s")
	v.apply(event.Event{Step: &event.Step{Key: "stage:builder", State: event.Done}}, at(10))
	want(11, "waits for its turn", "4 s")
	instruction(12, "b", "COPY --from=builder /app /", event.Started)
	want(13.5, "COPY --from=builder /app /", "5 s")
	instruction(14, "b", "COPY --from=builder /app /", event.Done)
	want(20, "COPY --from=builder /app /", "6 s") // its image is written
	v.apply(event.Event{Step: &event.Step{Key: "stage:web", State: event.Done}}, at(21))
	if web.took != 6*time.Second {
		t.Errorf("it took %v", web.took)
	}
}
