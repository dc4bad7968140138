package registry

import (
	"context"
	"sync"
	"time"

	"github.com/containerd/containerd/v2/core/content"
	"github.com/containerd/containerd/v2/core/images"
	"github.com/containerd/containerd/v2/core/remotes"
	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/seaworthyhq/seaworthy/internal/event"
)

// reportEvery is how often the bytes of running transfers are reported.
const reportEvery = 200 * time.Millisecond

// progress reports the layers of one pull as instructions.
type progress struct {
	step    string
	content content.Store
	sink    event.Sink

	mu      sync.Mutex // guards running
	running map[digest.Digest]ocispec.Descriptor
}

func newProgress(step string, cs content.Store, sink event.Sink) *progress {
	return &progress{step: step, content: cs, sink: sink, running: map[digest.Digest]ocispec.Descriptor{}}
}

// wrap reports when the transfer of a layer starts and ends.
func (p *progress) wrap(h images.Handler) images.Handler {
	return images.HandlerFunc(func(ctx context.Context, desc ocispec.Descriptor) ([]ocispec.Descriptor, error) {
		if !images.IsLayerType(desc.MediaType) {
			return h.Handle(ctx, desc)
		}
		if _, err := p.content.Info(ctx, desc.Digest); err == nil {
			p.emit(desc, event.Instruction{State: event.Cached, Current: desc.Size})
			return h.Handle(ctx, desc)
		}
		began := time.Now()
		p.setRunning(desc, true)
		p.emit(desc, event.Instruction{State: event.Started})
		children, err := h.Handle(ctx, desc)
		p.setRunning(desc, false)
		p.emit(desc, ended(ctx, desc, time.Since(began), err))
		return children, err
	})
}

func ended(ctx context.Context, desc ocispec.Descriptor, took time.Duration, err error) event.Instruction {
	switch {
	case ctx.Err() != nil:
		return event.Instruction{State: event.Stopped, Took: took}
	case err != nil:
		return event.Instruction{State: event.Failed, Took: took, Error: err.Error()}
	default:
		return event.Instruction{State: event.Done, Took: took, Current: desc.Size}
	}
}

// start reports bytes until stop is called, which waits for the last report.
func (p *progress) start(ctx context.Context) (stop func()) {
	ctx, cancel := context.WithCancel(ctx)
	var reporter sync.WaitGroup
	reporter.Go(func() {
		tick := time.NewTicker(reportEvery)
		defer tick.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
				p.report(ctx)
			}
		}
	})
	return func() { cancel(); reporter.Wait() }
}

func (p *progress) report(ctx context.Context) {
	for _, desc := range p.snapshot() {
		status, err := p.content.Status(ctx, remotes.MakeRefKey(ctx, desc))
		if err != nil {
			continue // not yet begun, or just ended
		}
		p.emitRunning(desc, event.Instruction{State: event.Started, Current: status.Offset})
	}
}

// emitRunning emits under the lock, so that nothing is said of a layer after its end.
func (p *progress) emitRunning(desc ocispec.Descriptor, in event.Instruction) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if _, running := p.running[desc.Digest]; running {
		p.emit(desc, in)
	}
}

func (p *progress) emit(desc ocispec.Descriptor, in event.Instruction) {
	in.Digest, in.Steps, in.Total = desc.Digest.String(), []string{p.step}, desc.Size
	in.Text = "layer " + desc.Digest.Encoded()[:12] + ", " + size(desc.Size)
	p.sink.Emit(event.Event{Type: event.TypeInstruction, Instruction: &in})
}

func (p *progress) setRunning(desc ocispec.Descriptor, running bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if running {
		p.running[desc.Digest] = desc
	} else {
		delete(p.running, desc.Digest)
	}
}

func (p *progress) snapshot() []ocispec.Descriptor {
	p.mu.Lock()
	defer p.mu.Unlock()
	all := make([]ocispec.Descriptor, 0, len(p.running))
	for _, desc := range p.running {
		all = append(all, desc)
	}
	return all
}
