package api

import (
	"context"
	"io"
	"net/http/httptest"
	"testing"

	"github.com/seaworthyhq/seaworthy/internal/event"
)

func TestEventsAfterTheAnswerTellNobody(t *testing.T) {
	var late event.Sink
	server := httptest.NewServer(Stream(func(_ context.Context, _ struct{}, sink event.Sink) error {
		late = sink
		return nil
	}))
	resp, err := server.Client().Post(server.URL, "", nil)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if _, err := io.Copy(io.Discard, resp.Body); err != nil {
		t.Fatal(err)
	}
	server.Close() // the handler has returned
	late.Emit(event.Event{Type: event.TypeMessage, Message: &event.Message{Text: "a rollout goes on"}})
}
