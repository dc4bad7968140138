package pipeline

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/seaworthyhq/seaworthy/internal/build"
	"github.com/seaworthyhq/seaworthy/internal/event"
	"github.com/seaworthyhq/seaworthy/internal/project"
	"github.com/seaworthyhq/seaworthy/internal/release"
)

// builds stands in for the builder: what becomes of a Dockerfile, by its name.
type builds map[string]func(context.Context, build.Request) error

func (b builds) Build(ctx context.Context, req build.Request, _ event.Sink) (*build.Result, error) {
	return &build.Result{}, b[req.Filename](ctx, req)
}

// twoServices is a project of two Dockerfiles.
func twoServices(t *testing.T) *project.Project {
	t.Helper()
	dir := t.TempDir()
	for name, content := range map[string]string{
		"api.Dockerfile": "FROM busybox\nCMD [\"x\"]\n",
		"web.Dockerfile": "FROM busybox\nCMD [\"x\"]\n",
		"compose.yaml":   "services:\n  api: {build: {context: ., dockerfile: api.Dockerfile}}\n  web: {build: {context: ., dockerfile: web.Dockerfile}}\n",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	p, err := project.Load(t.Context(), project.Options{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func (b builds) make(ctx context.Context, p *project.Project) error {
	pipeline := Pipeline{Builder: b}
	_, err := pipeline.Make(ctx, Input{Project: p, ImageName: func(step string) string { return step }}, event.Discard)
	return err
}

// A check that fails stops what another Dockerfile has not begun, and is why the release was not made. What is cancelled has another
// cause.
func TestACheckThatFailsStopsTheOtherBuilds(t *testing.T) {
	p := twoServices(t)
	failed := &release.UserError{Kind: release.KindCheck, Err: errors.New("check test: RUN false exited with code 1")}
	stopped := func(ctx context.Context, req build.Request) error {
		select {
		case <-req.Stop:
			return build.ErrOther
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
	fails := func(context.Context, build.Request) error { return failed }
	if err := (builds{"api.Dockerfile": fails, "web.Dockerfile": stopped}).make(t.Context(), p); !errors.Is(err, failed) {
		t.Errorf("error %v", err)
	}

	ctx, cancel := context.WithCancelCause(t.Context())
	enough := errors.New("enough")
	cancels := func(ctx context.Context, req build.Request) error {
		cancel(enough)
		return stopped(ctx, req)
	}
	afterwards := func(ctx context.Context, req build.Request) error {
		<-ctx.Done()
		select {
		case <-req.Stop:
			t.Error("it was cancelled, and no check failed")
		default:
		}
		return context.Cause(ctx)
	}
	if err := (builds{"api.Dockerfile": cancels, "web.Dockerfile": afterwards}).make(ctx, p); !errors.Is(err, enough) {
		t.Errorf("error %v", err)
	}
}

func TestACheckThatFailedIsToldBesideWhatEndedAnotherBuild(t *testing.T) {
	p := twoServices(t)
	failed := &release.UserError{Kind: release.KindCheck, Err: errors.New("check test: RUN false exited with code 1")}
	for kind, want := range map[release.Kind]release.Kind{
		release.KindInterrupted: release.KindCheck,
		release.KindBuild:       release.KindBuild,
		release.KindDenied:      release.KindDenied,
	} {
		other := &release.UserError{Kind: kind, Err: errors.New("the other")}
		err := builds{
			"api.Dockerfile": func(context.Context, build.Request) error { return failed },
			"web.Dockerfile": func(context.Context, build.Request) error { return other },
		}.make(t.Context(), p)
		if release.KindOf(err) != want || !errors.Is(err, failed) || errors.Is(err, other) != (want == kind) {
			t.Errorf("%s: %s: %v", kind, release.KindOf(err), err)
		}
	}
}
