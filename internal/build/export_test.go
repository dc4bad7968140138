package build

import (
	"context"
	"sync"

	"github.com/moby/buildkit/client"
	"github.com/opencontainers/go-digest"

	"github.com/seaworthyhq/seaworthy/internal/event"
)

// Heard is a vertex that the solver told of, and whose it was found to be.
type Heard struct {
	Name   string // as the solver calls it
	Text   string // of its instruction
	Line   int
	Places []event.Place
	// Written is what the Dockerfile has at the places.
	Written []string
}

// BuildHeard is Build, which also returns what the solver has told of, read from the solver itself.
func (b *Builder) BuildHeard(ctx context.Context, req Request, sink event.Sink) (*Result, []Heard, error) {
	ctx, cancel := detached(ctx)
	defer cancel(nil)
	r := b.newRunning(&req, sink, cancel)
	status := make(chan *client.SolveStatus, 8)
	go b.solver.Status(context.WithoutCancel(ctx), r.id, status)
	names := map[digest.Digest]string{}
	var order []digest.Digest
	var reading sync.WaitGroup
	reading.Go(func() {
		for s := range status {
			for _, v := range s.Vertexes {
				if names[v.Digest] == "" {
					order = append(order, v.Digest)
				}
				names[v.Digest] = v.Name
			}
		}
	})
	watching := &progress{} // so that what is asked for below is not forgotten
	b.alike.begin(watching)
	defer b.alike.end(watching, nil)
	res, err := b.run(ctx, r)
	reading.Wait()
	var all []Heard
	for _, dgst := range order {
		in := r.progress.heard(dgst).of
		one := Heard{Name: names[dgst], Text: in.text, Line: in.line, Places: in.places}
		for _, at := range in.places {
			one.Written = append(one.Written, r.progress.lines(place{at.Line, at.EndLine}))
		}
		all = append(all, one)
	}
	return res, all, err
}

// Remembered is how many operations are known of builds that run.
func (b *Builder) Remembered() int {
	b.alike.mu.Lock()
	defer b.alike.mu.Unlock()
	return len(b.alike.all)
}
