package build

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/moby/buildkit/client"
	"github.com/moby/buildkit/frontend"
	"github.com/moby/buildkit/identity"
	"github.com/moby/buildkit/solver/llbsolver"

	"github.com/seaworthyhq/seaworthy/internal/event"
	"github.com/seaworthyhq/seaworthy/internal/release"
)

var (
	errTargetsDone = errors.New("all targets were built by the frontend")
	// ErrOther is the error of a build that was ended because a check of another one failed (Request.Stop).
	ErrOther = errors.New("another target failed")
)

// lastWord is how long to wait for news of a job that has ended. They come at once, except where the job ended before anybody
// looked at it: then the solver goes on waiting for the job to begin.
const lastWord = time.Second

// running is a build in progress.
type running struct {
	id            string
	builder       *Builder
	req           *Request
	progress      *progress
	why           *explainer
	bases         *bases
	outlines      []func() *outline // of the variants
	foreignSyntax bool              // the Dockerfile is in a language of its own, that only its own frontend reads
	cancel        context.CancelCauseFunc
	life          context.Context                    // until the build is cancelled: what follows the failure of a target still has it
	cancels       map[string]context.CancelCauseFunc // of the targets, by key
	clocks        clocks
	understood    *muster // of all targets: what the Dockerfile asks for, its base images included, is there
	release       func()  // of the store's index

	mu       sync.Mutex
	images   map[string]Image
	failures []failure
}

// Build builds all targets of a request, and returns when they are built, when one failed, or when ctx ended. What
// happens meanwhile goes to sink.
//
// Nothing is run before all targets are understood. The first image that fails stops all other targets; a check that fails stops images
// and what has not begun. A failure is a *release.UserError: of KindCheck where only checks failed, KindProject where the Dockerfile
// makes no sense, KindNotFound where a base image is not there, otherwise KindBuild; also where ctx ended after it. With a failure
// comes a Result, without images.
func (b *Builder) Build(ctx context.Context, req Request, sink event.Sink) (*Result, error) {
	if err := req.validate(); err != nil {
		return nil, err
	}
	ctx, cancel := detached(ctx)
	defer cancel(nil)
	return b.run(ctx, b.newRunning(&req, sink, cancel))
}

func (b *Builder) run(ctx context.Context, r *running) (*Result, error) {
	r.life = ctx
	defer r.clocks.stop()
	if err := b.start(r); err != nil {
		return nil, err
	}
	defer b.end(r)
	r.warnOfSyntax()
	var err error
	if r.progress.hide, err = b.redactor(ctx, r.req); err != nil {
		return nil, err
	}
	if err := r.solve(ctx); err != nil {
		return &Result{Steps: r.progress.runs(), Spans: r.progress.spans(), Made: r.why.made()}, r.report(ctx, err)
	}
	return r.result(), nil
}

// detached ends when ctx does, but holds nothing of it: a containerd namespace or lease of the caller's would reach into
// BuildKit's own calls to the stores.
func detached(ctx context.Context) (context.Context, context.CancelCauseFunc) {
	own, cancel := context.WithCancelCause(context.Background())
	stop := context.AfterFunc(ctx, func() { cancel(context.Cause(ctx)) })
	return own, func(cause error) {
		stop()
		cancel(cause)
	}
}

func (b *Builder) newRunning(req *Request, sink event.Sink, cancel context.CancelCauseFunc) *running {
	r := &running{
		id:       identity.NewID(),
		builder:  b,
		req:      req,
		progress: newProgress(req, sink, &b.alike),
		bases:    &bases{pins: b.pins, local: b.localImage, pull: req.Pull, whyNot: b.cfg.WhyNot, resolved: map[string]*resolution{}},
		cancel:   cancel,
		cancels:  map[string]context.CancelCauseFunc{},
		images:   map[string]Image{},
	}
	for _, v := range req.variants() {
		r.outlines = append(r.outlines, sync.OnceValue(func() *outline { return outlineOf(req.Dockerfile, v.Takes) }))
	}
	r.clocks = clocks{hung: r.hung, all: map[string]*clock{}}
	r.progress.works = r.clocks.works
	return r
}

func (b *Builder) start(r *running) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closed {
		return &release.UserError{Kind: release.KindEngine, Err: errClosed, Hint: "run it again when the engine is up: seaworthy engine status"}
	}
	var err error
	if r.release, err = b.cfg.Store.Hold(); err != nil {
		return err
	}
	b.builds[r.id] = r
	b.alike.begin(r.progress)
	b.active.Add(1)
	return nil
}

func (b *Builder) end(r *running) {
	b.mu.Lock()
	delete(b.builds, r.id)
	b.mu.Unlock()
	b.alike.end(r.progress, r.progress.did())
	b.active.Done()
	b.gc.built()
	r.release()
}

func (b *Builder) running(id string) (*running, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if r, ok := b.builds[id]; ok {
		return r, nil
	}
	return nil, fmt.Errorf("no build %q is running", id)
}

// solve runs the job and returns when it, and the last word about it, has ended. Failures of targets are in r.failures;
// the error is for what kept the job from running.
func (r *running) solve(ctx context.Context) error {
	r.why = newExplainer(r.req, r.progress, r.builder.lists)
	r.progress.why = r.why
	watched := r.watch(ctx)
	_, err := r.builder.solver.Solve(ctx, r.id, r.req.Session, frontend.SolveRequest{
		Frontend:    frontendName,
		FrontendOpt: map[string]string{buildOption: r.id},
	}, 0, llbsolver.ExporterRequest{}, r.req.grants(), nil, true, nil, "", false)
	r.progress.await(ctx, watched)
	r.why.close()
	if errors.Is(err, errTargetsDone) {
		err = nil
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if err == nil && len(r.failures) > 0 {
		err = r.failures[0].err
	}
	r.progress.finish(err)
	return err
}

// watch tells what the job does, until it has ended and the last word about it is told.
func (r *running) watch(ctx context.Context) <-chan struct{} {
	status := make(chan *client.SolveStatus, 8)
	told := make(chan struct{})
	// The reader outlives a cancelled build: it is told how each vertex ended.
	go r.builder.solver.Status(context.WithoutCancel(ctx), r.id, status) //nolint:errcheck // it closes the channel all the same
	go func() {
		defer close(told)
		r.progress.follow(status)
	}()
	return told
}

func (r *running) fail(f failure) {
	f.stopped = r.life.Err() != nil
	r.mu.Lock()
	defer r.mu.Unlock()
	r.failures = append(r.failures, f)
}

func (r *running) result() *Result {
	return &Result{
		Images: r.images, Bases: r.bases.used(), Steps: r.progress.runs(), Spans: r.progress.spans(), Made: r.why.made(),
	}
}
