package engine

import (
	"context"
	"net"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/containerd/log"
	"github.com/containerd/ttrpc"
	"github.com/sirupsen/logrus"
)

// hearing is a hook that hears what is logged, before it is written or left out.
type hearing chan string

func (hearing) Levels() []logrus.Level { return logrus.AllLevels }

func (h hearing) Fire(e *logrus.Entry) error {
	h <- e.Message
	return nil
}

func TestAnAnswerThatNobodyWaitsForIsNoNews(t *testing.T) {
	var written strings.Builder
	heard := make(hearing, 10)
	logger := logrus.New()
	logger.Out, logger.Formatter = &written, quiet{logger.Formatter}
	logger.AddHook(heard)
	before := log.L
	log.L = logrus.NewEntry(logger)
	defer func() { log.L = before }()

	asked, answer := make(chan struct{}), make(chan struct{})
	client := clientOf(t, func(context.Context, func(any) error) (any, error) {
		close(asked)
		<-answer
		return &ttrpc.Request{}, nil
	})
	ctx, giveUp := context.WithCancel(t.Context())
	go func() { <-asked; giveUp() }()
	if err := client.Call(ctx, "shim", "Wait", &ttrpc.Request{}, &ttrpc.Request{}); err == nil {
		t.Fatal("it was answered")
	}
	close(answer)
	select {
	case got := <-heard:
		if got != lateAnswer {
			t.Fatalf("the library says %q", got)
		}
	case <-time.After(10 * time.Second):
		t.Fatal("the library says nothing of it")
	}
	log.L.Error("something is wrong")
	if got := slices.Collect(strings.Lines(written.String())); len(got) != 1 || !strings.Contains(got[0], "something is wrong") {
		t.Errorf("written: %q", got)
	}
}

// clientOf is a client of a service with one method.
func clientOf(t *testing.T, wait ttrpc.Method) *ttrpc.Client {
	t.Helper()
	server, err := ttrpc.NewServer()
	if err != nil {
		t.Fatal(err)
	}
	server.Register("shim", map[string]ttrpc.Method{"Wait": wait})
	socket := filepath.Join(t.TempDir(), "s")
	l, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	go func() { _ = server.Serve(t.Context(), l) }() // ends with the server
	t.Cleanup(func() { _ = server.Close() })
	conn, err := net.Dial("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	client := ttrpc.NewClient(conn)
	t.Cleanup(func() { _ = client.Close() })
	return client
}
