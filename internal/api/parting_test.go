package api

import (
	"context"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"testing"

	"github.com/seaworthyhq/seaworthy/internal/event"
)

func TestWhoEndsACallHearsWhatBecameOfIt(t *testing.T) {
	root := t.TempDir()
	socket, err := net.Listen("unix", filepath.Join(root, SocketName))
	if err != nil {
		t.Fatal(err)
	}
	mux := http.NewServeMux()
	mux.Handle("POST "+PathUp, Stream(func(ctx context.Context, _ struct{}, sink event.Sink) error {
		sink.Emit(event.Event{Type: event.TypeStep, Step: &event.Step{Key: "stage:test", State: event.Started}})
		<-ctx.Done()
		sink.Emit(event.Event{Type: event.TypeStep, Step: &event.Step{Key: "stage:test", State: event.Stopped}})
		return context.Cause(ctx)
	}))
	server := &httptest.Server{Listener: socket, Config: &http.Server{Handler: mux}}
	server.Start()
	defer server.Close()

	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var heard []event.State
	err = NewClient(root).stream(ctx, PathUp, struct{}{}, event.SinkFunc(func(e event.Event) {
		heard = append(heard, e.Step.State)
		cancel()
	}))
	if len(heard) != 2 || heard[1] != event.Stopped || err == nil {
		t.Errorf("heard %q, %v", heard, err)
	}
}
