// Package pipeline makes a release of a project: it asks for the stages that the graph needs, brings in the images that are
// only named, and puts what came out together. Its parts are handed in; it knows nothing of environments and rollouts.
package pipeline

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	dockerspec "github.com/moby/docker-image-spec/specs-go/v1"
	"golang.org/x/sync/errgroup"

	"github.com/seaworthyhq/seaworthy/internal/build"
	"github.com/seaworthyhq/seaworthy/internal/cause"
	"github.com/seaworthyhq/seaworthy/internal/event"
	"github.com/seaworthyhq/seaworthy/internal/graph"
	"github.com/seaworthyhq/seaworthy/internal/project"
	"github.com/seaworthyhq/seaworthy/internal/release"
)

// Builder builds stages.
type Builder interface {
	Build(context.Context, build.Request, event.Sink) (*build.Result, error)
}

// Images brings images in and reads what they say about themselves.
type Images interface {
	Pull(ctx context.Context, ref string, sink event.Sink) (release.Image, error)
	Config(ctx context.Context, img release.Image) (dockerspec.DockerOCIImage, error)
}

// Pipeline makes releases.
type Pipeline struct {
	Builder Builder
	Images  Images
}

// Input is a project and how it is to be made.
type Input struct {
	Project  *project.Project
	Sessions map[string]string // by Dockerfile key
	Ignores  map[string][]byte // by Dockerfile key
	Pull     bool
	NoCache  bool
	// Pins are the images that tags stood for before, by reference.
	Pins map[string]release.Image
	// ImageName names the image record of a stage.
	ImageName func(step string) string
	// Before is what is recorded of the last time that each stage was built, by step.
	Before map[string]cause.Made
}

// Output is a release, and what it was found to need.
type Output struct {
	Release release.Release
	Pins    map[string]release.Image // of the references that the project uses
	Checks  []release.Check          // that gate it, in the order of the Dockerfiles
	// Operations made the images that were built, by step: the images of several may be the same.
	Operations map[string][]cause.Operation
	Steps      []release.StepRun // in the order of the graph
	Stages     []event.Node      // of the graph, also those that are not built or were not come to
	// Made is what there is to record of what stages were made of, by step.
	Made map[string]cause.Made
	Path []release.Leg // what the end waited for
	Took time.Duration
}

// Make builds, checks and pulls, and returns the release. Nothing is recorded; the images are in the store. Beside an error, the
// output has the steps and what they were made of.
func (p *Pipeline) Make(ctx context.Context, in Input, sink event.Sink) (*Output, error) {
	began, m := time.Now(), newMaking(p, in)
	out, err := m.make(ctx, sink)
	out.Took, out.Stages = time.Since(began), m.stages
	if slices.ContainsFunc(out.Steps, worked) { // nobody waits for what is there
		out.Path = graph.CriticalPath(m.spans)
	}
	sink.Emit(event.Event{Type: event.TypeTimes, Times: new(out.Times())})
	return out, err
}

func (m *making) make(ctx context.Context, sink event.Sink) (*Output, error) {
	in := m.in
	g := graph.New(in.Project)
	in.Before = recorded(in.Before, g)
	m.stages = g.Event().Steps
	announce(g, in.Project, sink)
	group, ctx := errgroup.WithContext(ctx)
	unchecked, cancel := context.WithCancel(ctx) // ends when a check fails
	defer cancel()
	failed := make(chan struct{}) // closed then, and only then: what is cancelled has another cause
	stop := sync.OnceFunc(func() { close(failed); cancel() })
	for _, req := range requests(in, g) {
		req.Stop = failed
		group.Go(func() error { return m.build(ctx, req, stop, sink) })
	}
	for _, ref := range references(in.Project) {
		group.Go(func() error {
			if err := m.pull(unchecked, ref, sink); unchecked.Err() == nil || ctx.Err() != nil {
				return err
			}
			return nil
		})
	}
	if err := m.failure(group.Wait()); err != nil {
		return &Output{Steps: m.runs(g), Made: m.made}, err
	}
	out, err := m.output()
	if err != nil {
		return &Output{Steps: m.runs(g), Made: m.made}, err
	}
	out.Checks, out.Steps, out.Made = checks(g, m.steps), m.runs(g), m.made
	return out, nil
}

// runs are what became of the stages, in the order of the graph.
func (m *making) runs(g *graph.Graph) []release.StepRun {
	m.mu.Lock()
	defer m.mu.Unlock()
	var all []release.StepRun
	for _, n := range g.Event().Steps {
		run, ok := m.steps[n.Key]
		if n.Skip {
			run, ok = release.StepRun{Key: n.Key, State: string(event.Skipped)}, true
		}
		if ok {
			run.Name, run.Role, run.After = n.Name, n.Role, n.After
			all = append(all, run)
		}
	}
	for _, ref := range references(m.in.Project) {
		if run, ok := m.steps[PullKey(ref)]; ok {
			run.Name, run.Role = ref, string(graph.Image)
			all = append(all, run)
		}
	}
	return all
}

// checks are what became of the checks of a graph, all of whose targets were built.
func checks(g *graph.Graph, runs map[string]release.StepRun) []release.Check {
	var all []release.Check
	for _, n := range g.Nodes {
		switch {
		case n.Skipped:
			all = append(all, release.Check{Stage: n.FullName(), Result: release.CheckSkipped, Why: n.Why})
		case n.Role == graph.Check && n.Built:
			all = append(all, release.Check{Stage: n.FullName(), Result: release.CheckPassed, Why: n.Why, Empty: runs[n.Key].Empty, Tests: runs[n.Key].Tests})
		}
	}
	return all
}

func announce(g *graph.Graph, p *project.Project, sink event.Sink) {
	shown := g.Event()
	for _, ref := range references(p) {
		shown.Steps = append(shown.Steps, event.Node{Key: PullKey(ref), Name: ref, Role: "image", Why: "a service runs it"})
	}
	sink.Emit(event.Event{Type: event.TypeGraph, Graph: shown})
	for _, w := range g.Warnings {
		sink.Emit(w.Event())
	}
}

// references are the images that services name, each once.
func references(p *project.Project) []string {
	var refs []string
	for _, env := range p.Environments() {
		for _, s := range env.Services {
			if s.Build == nil && s.Ref != "" {
				refs = append(refs, s.Ref)
			}
		}
	}
	slices.Sort(refs)
	return slices.Compact(refs)
}

// making is one call of Make.
type making struct {
	pipeline *Pipeline
	in       Input
	stages   []event.Node // of the graph

	mu         sync.Mutex // guards what is below
	built      map[string]build.Image
	operations map[string][]cause.Operation
	bases      []release.Base
	pins       map[string]release.Image
	configs    map[release.Digest]dockerspec.DockerOCIImage
	steps      map[string]release.StepRun    // by key
	made       map[string]cause.Made         // by step
	failed     map[string]*release.UserError // checks, of each Dockerfile where one did, by its key
	spans      []release.Span
}

func newMaking(p *Pipeline, in Input) *making {
	return &making{
		pipeline: p, in: in,
		built:      map[string]build.Image{},
		operations: map[string][]cause.Operation{},
		pins:       map[string]release.Image{},
		configs:    map[release.Digest]dockerspec.DockerOCIImage{},
		steps:      map[string]release.StepRun{},
		made:       map[string]cause.Made{},
		failed:     map[string]*release.UserError{},
	}
}

// build builds one Dockerfile. A check that fails there lets those that run elsewhere go on, and stops the rest.
func (m *making) build(ctx context.Context, req build.Request, stop func(), sink event.Sink) error {
	result, err := m.pipeline.Builder.Build(ctx, req, sink)
	m.mu.Lock()
	defer m.mu.Unlock()
	if result != nil {
		for _, run := range result.Steps {
			m.steps[run.Key] = run
		}
		maps.Copy(m.made, result.Made)
		m.spans = append(m.spans, result.Spans...)
	}
	if u, ok := errors.AsType[*release.UserError](err); ok && u.Kind == release.KindCheck {
		m.failed[req.Key] = u
		stop()
		return nil
	}
	switch {
	case errors.Is(err, build.ErrOther):
		return nil
	case err != nil:
		return err
	}
	for key, img := range result.Images {
		m.built[key] = img
		m.operations[key] = img.Operations
		m.configs[img.Digest] = img.Config
	}
	m.bases = append(m.bases, result.Bases...)
	return nil
}

// failure is why the release was not made, if it was not.
func (m *making) failure(err error) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	u, explained := errors.AsType[*release.UserError](err)
	if len(m.failed) == 0 || err != nil && !explained {
		return err
	}
	var all []*release.UserError
	for _, d := range m.in.Project.Dockerfiles { // in the order of the graph, as the steps
		if u := m.failed[d.Key]; u != nil {
			all = append(all, u)
		}
	}
	if explained && u.Kind != release.KindInterrupted { // else it was stopped after they had failed
		all = append(all, u)
	}
	return build.Joined(all)
}

// pull brings in the image that a reference stands for: the one it stood for before, unless it is to be looked up again.
func (m *making) pull(ctx context.Context, ref string, sink event.Sink) error {
	ask := ref
	if pin, ok := m.in.Pins[ref]; ok && !m.in.Pull {
		ask = pinned(ref, pin)
	}
	watched, ended := m.pulling(ref, renamed(sink, ask, ref))
	img, err := m.pipeline.Images.Pull(ctx, ask, watched)
	ended()
	if err != nil {
		return err
	}
	img.Ref = ref
	config, err := m.pipeline.Images.Config(ctx, img)
	if err != nil {
		return fmt.Errorf("read configuration of %s: %w", ref, err)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.pins[ref] = img
	m.configs[img.Digest] = config
	return nil
}
