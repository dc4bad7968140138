package build

import (
	"context"
	"errors"
	"path/filepath"
	"testing"

	"github.com/moby/buildkit/client/llb/sourceresolver"
	"github.com/moby/buildkit/cmd/buildkitd/config"
	"github.com/moby/buildkit/executor"
	"github.com/moby/buildkit/frontend"
	"github.com/moby/buildkit/frontend/dockerfile/builder"
	gateway "github.com/moby/buildkit/frontend/gateway/client"
	"github.com/moby/buildkit/frontend/gateway/forwarder"
	"github.com/moby/buildkit/identity"
	"github.com/moby/buildkit/session"
	containerdsnapshot "github.com/moby/buildkit/snapshot/containerd"
	"github.com/moby/buildkit/solver/llbsolver"
	"github.com/moby/buildkit/solver/llbsolver/history"
	"github.com/moby/buildkit/solver/pb"
	"github.com/moby/buildkit/util/db/boltutil"
	"github.com/moby/buildkit/util/leaseutil"
	"github.com/opencontainers/go-digest"
	"golang.org/x/sync/errgroup"

	usersession "github.com/seaworthyhq/seaworthy/internal/build/session"
	"github.com/seaworthyhq/seaworthy/internal/event"
	"github.com/seaworthyhq/seaworthy/internal/store"
)

// Bare builds with the worker and the cache of a Builder, by BuildKit's frontend in one job, and nobody looks at what it does: no
// status is read, no vertex attributed, no reason computed, no event made.
type Bare struct {
	builder *Builder
	solver  *llbsolver.Solver
	req     *Request
}

const bareName = "bare"

// OpenBare is closed with the test.
func OpenBare(t testing.TB, b *Builder) *Bare {
	t.Helper()
	db, err := boltutil.SafeOpen(filepath.Join(t.TempDir(), "history.db"), 0o600, nil)
	if err != nil {
		t.Fatal(err)
	}
	none := int64(0)
	records, err := history.NewQueue(history.QueueOpt{
		DB: db, LeaseManager: leaseutil.WithNamespace(b.cfg.Store.Leases(), store.Namespace),
		ContentStore: containerdsnapshot.NewContentStore(b.cfg.Store.Content(), store.Namespace),
		CleanConfig:  &config.HistoryConfig{MaxEntries: &none},
	})
	if err != nil {
		t.Fatal(err)
	}
	bare := &Bare{builder: b}
	bare.solver, err = llbsolver.New(llbsolver.Opt{
		CacheManager: b.cacheKeys, Frontends: map[string]frontend.Frontend{bareName: bare}, SessionManager: b.sessions,
		WorkerController: b.workers, HistoryQueue: records, ResourceMonitor: b.worker.ResourceMonitor,
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := errors.Join(bare.solver.Close(), db.Close()); err != nil {
			t.Error(err)
		}
	})
	return bare
}

// Build builds the targets of a request, one at a time.
func (f *Bare) Build(ctx context.Context, req Request) error {
	f.req = &req
	id := identity.NewID()
	_, err := f.solver.Solve(ctx, id, req.Session, frontend.SolveRequest{Frontend: bareName}, 0, llbsolver.ExporterRequest{}, nil, nil, true, nil, "", false)
	if errors.Is(err, errTargetsDone) {
		return nil
	}
	return err
}

// Solve builds the targets side by side, as stagesFrontend does.
func (f *Bare) Solve(ctx context.Context, bridge frontend.FrontendLLBBridge, exec executor.Executor, _ map[string]string,
	_ map[string]*pb.Definition, sid string, sm *session.Manager,
) (*frontend.Result, error) {
	group, ctx := errgroup.WithContext(ctx)
	running := f.builder.newRunning(f.req, event.Discard, nil) // for its base images
	for _, t := range f.req.Targets {
		group.Go(func() error {
			attrs := f.req.attributes()
			prefixed(attrs, "build-arg:", f.req.Args)
			of := &targetSolve{running: running}
			of.dockerfile, attrs["target"] = running.outlines[0]().address(t.Stage)
			stage := forwarder.NewGatewayForwarder(f.builder.workers.Infos(), func(ctx context.Context, c gateway.Client) (*gateway.Result, error) {
				return builder.Build(ctx, &bareClient{Client: c, running: running, dockerfile: of})
			})
			res, err := stage.Solve(ctx, bridge, exec, attrs, nil, sid, sm)
			if err != nil {
				return err
			}
			defer releaseAll(ctx, res)
			if res.Ref == nil {
				return nil
			}
			_, err = res.Ref.Result(ctx)
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	return nil, errTargetsDone
}

// bareClient hands in what a request holds: the Dockerfile, and the images that tags stand for.
type bareClient struct {
	gateway.Client
	running    *running
	dockerfile *targetSolve
}

func (c *bareClient) Solve(ctx context.Context, req gateway.SolveRequest) (*gateway.Result, error) {
	graph, err := readGraph(req.Definition)
	if err != nil {
		return nil, err
	}
	if graph.isOnly("local://" + usersession.DockerfileDir) {
		res := gateway.NewResult()
		res.SetRef(c.dockerfile.files())
		return res, nil
	}
	return c.Client.Solve(ctx, req)
}

func (c *bareClient) ResolveImageConfig(ctx context.Context, ref string, opt sourceresolver.Opt) (string, digest.Digest, []byte, error) {
	return c.running.bases.resolve(ctx, ref, opt, c.Client.ResolveImageConfig)
}
