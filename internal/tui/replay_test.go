package tui

import (
	"flag"
	"io"
	"os"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/txtar"
)

var replay = flag.String("replay", "", "play this recorded stream on the terminal, in real time, instead of testing")

// TestReplay is for looking: go test -c ./internal/tui && ./tui.test -test.run Replay -replay internal/tui/testdata/up.txtar
func TestReplay(t *testing.T) {
	if *replay == "" {
		t.Skip("no -replay")
	}
	archive, err := txtar.ParseFile(*replay)
	if err != nil {
		t.Fatal(err)
	}
	var out io.Writer = os.Stdout
	r := New(Options{Out: out, Err: os.Stderr})
	events := parseEvents(t, archive.Files[0].Data)
	began := time.Now()
	for _, e := range events {
		time.Sleep(e.Time.Sub(events[0].Time) - time.Since(began))
		r.Emit(e)
	}
	_ = r.Close(nil)
}
