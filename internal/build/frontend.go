package build

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/distribution/reference"
	"github.com/moby/buildkit/client/llb"
	"github.com/moby/buildkit/client/llb/sourceresolver"
	"github.com/moby/buildkit/executor"
	"github.com/moby/buildkit/frontend"
	"github.com/moby/buildkit/frontend/dockerfile/builder"
	"github.com/moby/buildkit/frontend/gateway/client"
	"github.com/moby/buildkit/frontend/gateway/forwarder"
	"github.com/moby/buildkit/session"
	"github.com/moby/buildkit/solver"
	"github.com/moby/buildkit/solver/pb"
	"github.com/opencontainers/go-digest"
	fstypes "github.com/tonistiigi/fsutil/types"

	usersession "github.com/seaworthyhq/seaworthy/internal/build/session"
)

const (
	frontendName = "seaworthy.stages"
	buildOption  = "build" // names the running build to the frontend
)

// stagesFrontend builds all targets of a running build, side by side in one job of the solver, each with BuildKit's own
// Dockerfile frontend. It makes the images itself, since the solver's way to do that knows one result for a job.
type stagesFrontend Builder

func (f *stagesFrontend) Solve(ctx context.Context, bridge frontend.FrontendLLBBridge, exec executor.Executor,
	opts map[string]string, _ map[string]*pb.Definition, sid string, sm *session.Manager,
) (*frontend.Result, error) {
	r, err := (*Builder)(f).running(opts[buildOption])
	if err != nil {
		return nil, err
	}
	contexts := r.contexts(ctx)
	r.understood = newMuster(len(r.req.Targets))
	defer r.cancelAll(nil)
	defer r.heed(r.req.Stop)()
	var targets sync.WaitGroup
	for _, t := range r.req.Targets {
		targets.Go(func() {
			solve := targetSolve{running: r, target: t, bridge: bridge, exec: exec, sid: sid, sm: sm}
			err := causeOf(contexts[t.Key], solve.run(contexts[t.Key]))
			r.progress.collected(t.Key, err)
			if err != nil {
				r.fail(failure{target: t, solving: solve.solving, err: err})
				r.stopOthers(t, err)
				_ = bridge.Warn(ctx, givenUpMark(t), "", client.WarnOpts{}) // as below
				return
			}
			r.progress.built(t)
			_ = bridge.Warn(ctx, lastWordOf(t), "", client.WarnOpts{}) // without it, all is settled when the build has ended
		})
	}
	targets.Wait()
	// With a result the solver would take a lease for exporters, of which there are none.
	return nil, errTargetsDone
}

// targetSolve is one target of a running build.
type targetSolve struct {
	*running
	target     Target
	bridge     frontend.FrontendLLBBridge
	exec       executor.Executor
	sid        string
	sm         *session.Manager
	dockerfile []byte      // as the frontend is given it
	cut        bool        // it has only those stages that the target is known to need
	missing    atomic.Bool // it turned out to need more
	graph      graph       // that was last solved for it
	solving    bool        // the Dockerfile made sense; what fails from here on is the build itself
	unread     int         // reports that could not be read whole
}

func (s *targetSolve) run(ctx context.Context) error {
	attrs := s.req.attributes()
	variant := s.req.variants()[s.target.Variant]
	prefixed(attrs, "build-arg:", variant.Args)
	prefixed(attrs, "label:", variant.Labels)
	if s.foreignSyntax {
		delete(attrs, "cmdline")
	}
	res, err := s.convert(ctx, attrs)
	all := s.understood.arrive(ctx, err == nil)
	if err != nil {
		return err
	}
	defer releaseAll(ctx, res)
	if !all {
		return ErrOther
	}
	s.progress.understood()
	if len(res.Refs) > 0 {
		return fmt.Errorf("more than one platform (%s) in one build", s.req.Platform)
	}
	operations := s.explain(ctx)
	defer operations() // what it takes is held until then
	var built solver.CachedResult
	if res.Ref != nil {
		built, err = res.Ref.Result(ctx)
	}
	if s.collect(built, causeOf(ctx, err)); err != nil {
		return err
	}
	if !s.target.Image {
		return nil
	}
	return s.keep(ctx, s.target, res.Metadata, built, operations())
}

// convert has the frontend make a definition of the target, and hands that to the solver. Of checks, of which there may be many, it
// is given only what they need; what is wrong with the rest it says of the images.
func (s *targetSolve) convert(ctx context.Context, attrs map[string]string) (*frontend.Result, error) {
	outline := s.outlines[s.target.Variant]()
	if !s.target.Image && !s.foreignSyntax {
		s.dockerfile, attrs["target"], s.cut = outline.cutOut(s.target.Stage)
	}
	if s.cut {
		res, err := s.askFrontend(ctx, attrs)
		if !s.missing.Load() {
			return res, err
		}
		s.cut = false
	}
	s.dockerfile, attrs["target"] = outline.address(s.target.Stage)
	return s.askFrontend(ctx, attrs)
}

func (s *targetSolve) askFrontend(ctx context.Context, attrs map[string]string) (*frontend.Result, error) {
	stage := forwarder.NewGatewayForwarder(s.builder.workers.Infos(), func(ctx context.Context, c client.Client) (*client.Result, error) {
		return builder.Build(ctx, &watchedClient{Client: c, solve: s})
	})
	return stage.Solve(ctx, s.bridge, s.exec, attrs, nil, s.sid, s.sm)
}

func releaseAll(ctx context.Context, res *frontend.Result) {
	_ = res.EachRef(func(ref solver.ResultProxy) error {
		return ref.Release(context.WithoutCancel(ctx))
	})
}

// watchedClient is the frontend's view of the solver. It answers from the request what the request holds, and lets the
// progress learn, from each definition, which vertex is which line of the Dockerfile.
type watchedClient struct {
	client.Client
	solve *targetSolve
}

func (c *watchedClient) Solve(ctx context.Context, req client.SolveRequest) (*client.Result, error) {
	if req.Definition == nil {
		return c.Client.Solve(ctx, req)
	}
	graph, err := readGraph(req.Definition)
	if err != nil {
		return nil, err
	}
	if graph.isOnly("local://"+usersession.DockerfileDir) && c.solve.req.Dockerfile != nil {
		res := client.NewResult()
		res.SetRef(c.solve.files())
		return res, nil
	}
	if c.solve.progress.learn(c.solve.target, graph) {
		c.solve.solving, c.solve.graph = true, graph
		c.solve.progress.learned(c.solve.stages())
	}
	return c.Client.Solve(ctx, req)
}

func (c *watchedClient) ResolveImageConfig(ctx context.Context, ref string, opt sourceresolver.Opt) (string, digest.Digest, []byte, error) {
	name, dgst, config, err := c.solve.bases.resolve(ctx, ref, opt, func(ctx context.Context, ref string, opt sourceresolver.Opt) (string, digest.Digest, []byte, error) {
		c.solve.progress.looksUp(c.solve.target, ref, opt)
		return c.Client.ResolveImageConfig(ctx, ref, opt)
	})
	if err == nil {
		err = c.solve.req.triggersWhatDiffers(ref, config)
	}
	if err == nil && c.solve.cut && triggersTaking(config) {
		c.solve.missing.Store(true)
		return "", "", nil, errMissing
	}
	return name, dgst, config, err
}

// errMissing ends a conversion that is to be done again with the whole Dockerfile.
var errMissing = errors.New("an ONBUILD of the base image takes from stages that were left out")

func (c *watchedClient) Warn(_ context.Context, _ digest.Digest, msg string, opts client.WarnOpts) error {
	at := c.solve.req.filename()
	if len(opts.Range) > 0 {
		line := opts.Range[0].GetStart().GetLine()
		at, msg = fmt.Sprintf("%s:%d", at, line), strings.TrimSuffix(msg, fmt.Sprintf(" (line %d)", line))
	}
	c.solve.progress.warn(at+": "+msg, opts.URL)
	return nil
}

// files are the Dockerfile and its ignore file, as the frontend looks for them in the Dockerfile's folder.
func (s *targetSolve) files() client.Reference {
	files := memory{s.req.filename(): s.dockerfile}
	if s.req.Ignore != nil {
		files[s.req.filename()+".dockerignore"] = s.req.Ignore
	}
	return files
}

// memory is a folder of files that need no solving.
type memory map[string][]byte

func (m memory) ReadFile(_ context.Context, req client.ReadRequest) ([]byte, error) {
	content, ok := m[req.Filename]
	if !ok {
		return nil, &fs.PathError{Op: "open", Path: req.Filename, Err: fs.ErrNotExist}
	}
	if r := req.Range; r != nil {
		from := min(r.Offset, len(content))
		content = content[from:min(from+r.Length, len(content))]
	}
	return content, nil
}

func (m memory) StatFile(_ context.Context, req client.StatRequest) (*fstypes.Stat, error) {
	content, ok := m[req.Path]
	if !ok {
		return nil, &fs.PathError{Op: "stat", Path: req.Path, Err: fs.ErrNotExist}
	}
	return &fstypes.Stat{Path: req.Path, Mode: 0o644, Size: int64(len(content))}, nil
}

func (m memory) ReadDir(context.Context, client.ReadDirRequest) ([]*fstypes.Stat, error) {
	var all []*fstypes.Stat
	for _, name := range slices.Sorted(maps.Keys(m)) {
		all = append(all, &fstypes.Stat{Path: name, Mode: 0o644, Size: int64(len(m[name]))})
	}
	return all, nil
}

func (m memory) ToState() (llb.State, error)    { return llb.Scratch(), nil }
func (m memory) Evaluate(context.Context) error { return nil }

// familiar is an image's name as people write it, without what is understood.
func familiar(ref string) string {
	named, err := reference.ParseNormalizedNamed(ref)
	if err != nil {
		return ref
	}
	if tagged, ok := named.(reference.NamedTagged); ok {
		if _, digested := named.(reference.Digested); digested {
			if t, err := reference.WithTag(reference.TrimNamed(named), tagged.Tag()); err == nil {
				named = t
			}
		}
	}
	return reference.FamiliarString(named)
}
