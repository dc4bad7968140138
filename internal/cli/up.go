package cli

import (
	"context"
	"fmt"
	"os"
	"os/user"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"

	"github.com/seaworthyhq/seaworthy/internal/api"
	"github.com/seaworthyhq/seaworthy/internal/build/session"
	"github.com/seaworthyhq/seaworthy/internal/event"
	"github.com/seaworthyhq/seaworthy/internal/git"
	"github.com/seaworthyhq/seaworthy/internal/project"
	"github.com/seaworthyhq/seaworthy/internal/release"
)

// upOptions are what up and its parts have in common.
type upOptions struct {
	profiles []string
	pull     bool
	noCache  bool
	dirty    bool
	force    bool
}

func (o *upOptions) flags(cmd *cobra.Command) {
	f := cmd.Flags()
	f.StringSliceVar(&o.profiles, "profile", nil, "Compose profiles, besides those that seaworthy.yaml names")
	f.BoolVar(&o.pull, "pull", false, "look tags up again: base images and image: services")
	f.BoolVar(&o.noCache, "no-cache", false, "run every instruction again")
	f.BoolVar(&o.dirty, "dirty", false, "release what is not committed, also to environments other than local")
}

func (a *app) up() *cobra.Command {
	var o upOptions
	cmd := &cobra.Command{
		Use:   "up [FILE]",
		Short: "Build, check, release and deploy: the main job",
		Long: lines(
			"Builds the images of the Dockerfile stage by stage with the checks beside them, records the release, and updates",
			"the environment to it. The old version serves until the new one is proven; if it does not come up, the old one",
			"goes on serving. With nothing changed there is nothing to do.",
			"",
			"With a FILE that seaworthy plan -o has written it runs exactly that plan, without a checkout and without a build, and",
			"refuses one that is stale."),
		Example: lines(
			"  seaworthy up",
			"  seaworthy up -e staging",
			"  seaworthy up staging.plan"),
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return a.make(cmd.Context(), api.GoalUp, o)
			}
			for _, flag := range []string{"profile", "pull", "no-cache", "dirty"} {
				if cmd.Flags().Changed(flag) {
					return usage(cmd, fmt.Errorf("--%s is for what is built, and a plan is built already", flag))
				}
			}
			return a.runPlan(cmd.Context(), args[0], o.force)
		},
	}
	o.flags(cmd)
	cmd.Flags().BoolVar(&o.force, "force", false, "deploy although a rollback holds the environment")
	return cmd
}

func (a *app) build() *cobra.Command {
	var o upOptions
	cmd := &cobra.Command{
		Use:     "build",
		Short:   "Build and check, nothing else",
		Example: "  seaworthy build",
		Args:    cobra.NoArgs,
		RunE:    func(cmd *cobra.Command, _ []string) error { return a.make(cmd.Context(), api.GoalBuild, o) },
	}
	o.flags(cmd)
	return cmd
}

func (a *app) release() *cobra.Command {
	var o upOptions
	cmd := &cobra.Command{
		Use:     "release",
		Short:   "Build, check, and record the release",
		Example: "  seaworthy release && seaworthy deploy r-1a2b3c4d",
		Args:    cobra.NoArgs,
		RunE:    func(cmd *cobra.Command, _ []string) error { return a.make(cmd.Context(), api.GoalRelease, o) },
	}
	o.flags(cmd)
	return cmd
}

// runPlan deploys what a plan says, or nothing.
func (a *app) runPlan(ctx context.Context, path string, force bool) error {
	f, err := readPlanFile(path)
	if err != nil {
		return err
	}
	if err := f.isFor(a.environment); err != nil {
		return err
	}
	client, err := a.connect(ctx)
	if err != nil {
		return err
	}
	req := f.request()
	req.Force = force
	return a.render(func(sink event.Sink) error { return client.Deploy(ctx, req, sink) })
}

// make runs the way from the directory to goal.
func (a *app) make(ctx context.Context, goal api.Goal, o upOptions) error {
	p, origin, client, err := a.gather(ctx, o)
	if err != nil {
		return err
	}
	if p.Environment.Name != project.Local && len(origin.Dirty) > 0 && !o.dirty {
		return dirtyError(p.Environment.Name, origin.Dirty)
	}
	req := api.UpRequest{Goal: goal, Project: *p, Origin: origin, Pull: o.pull, NoCache: o.noCache, Force: o.force}
	return a.render(func(sink event.Sink) error {
		for _, w := range p.Warnings {
			sink.Emit(w.Event())
		}
		return serveAndRun(ctx, client, p, &req, sink)
	})
}

// gather does what does not depend on each other at the same time: it reads the project, asks git, and reaches the engine.
func (a *app) gather(ctx context.Context, o upOptions) (p *project.Project, origin release.Origin, client *api.Client, err error) {
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() (err error) { p, err = a.load(ctx, o.profiles); return err })
	group.Go(func() error { origin = originIn(ctx, a.dir); return nil })
	group.Go(func() (err error) { client, err = a.connect(ctx); return err })
	err = group.Wait()
	return p, origin, client, err
}

// serveAndRun hands over what the engine cannot read itself and runs the request.
func serveAndRun(ctx context.Context, client *api.Client, p *project.Project, req *api.UpRequest, sink event.Sink) error {
	sessions, ignores, end, err := serveContexts(ctx, client, p)
	if err != nil {
		return err
	}
	defer end()
	req.Sessions, req.Ignores = sessions, ignores
	if req.Goal == api.GoalUp || req.Goal == api.GoalRelease || req.Goal == api.GoalPlan {
		if err := handOver(p, req); err != nil {
			return err
		}
	}
	return client.Up(ctx, *req, sink)
}

// serveContexts opens a build session for each Dockerfile, by its key.
func serveContexts(ctx context.Context, client *api.Client, p *project.Project) (ids map[string]string, ignores map[string][]byte, end func(), err error) {
	ids, ignores = map[string]string{}, map[string][]byte{}
	var open []*session.Session
	end = func() {
		for _, s := range open {
			_ = s.Close() // the engine has what it asked for
		}
	}
	for _, d := range p.Dockerfiles {
		src, err := sourcesOf(p, d)
		if err != nil {
			end()
			return nil, nil, nil, err
		}
		s, err := session.Serve(ctx, client.DialSession, src)
		if err != nil {
			end()
			return nil, nil, nil, fmt.Errorf("serve context of %s: %w", d.File, err)
		}
		open = append(open, s)
		ids[d.Key] = s.ID()
		if ignores[d.Key], err = ignoreOf(d); err != nil {
			end()
			return nil, nil, nil, err
		}
	}
	return ids, ignores, end, nil
}

// handOver reads the files and secrets that replicas are given.
func handOver(p *project.Project, req *api.UpRequest) error {
	req.Files = map[release.Digest][]byte{}
	for _, d := range p.Files() {
		content, err := p.Content(d)
		if err != nil {
			return err
		}
		req.Files[d] = content
	}
	req.Secrets = map[string][]byte{}
	for _, s := range p.Environment.Secrets {
		value, err := p.Secret(s)
		if err != nil {
			return err
		}
		req.Secrets[s.Name] = value
	}
	return nil
}

// originIn says where a release of the directory comes from.
func originIn(ctx context.Context, dir string) release.Origin {
	src := git.Look(ctx, dir, session.State+"/")
	return release.Origin{
		Commit: src.Commit, Tag: src.Tag, Branch: src.Branch, Remote: src.Remote, Dirty: src.Dirty,
		Actor: actor(), Time: time.Now().UTC(),
	}
}

// actor is who runs the command, as user@host; behind sudo, who called it.
func actor() string {
	name := os.Getenv("SUDO_USER")
	if name == "" {
		if u, err := user.Current(); err == nil {
			name = u.Username
		}
	}
	host, err := os.Hostname()
	if err != nil {
		host = "unknown"
	}
	return name + "@" + host
}

func dirtyError(env string, dirty []string) error {
	shown := dirty
	if len(shown) > 10 {
		shown = append(append([]string(nil), shown[:10]...), fmt.Sprintf("and %d more", len(dirty)-10))
	}
	return &release.UserError{
		Kind:   release.KindConflict,
		Err:    fmt.Errorf("%s takes only what is committed, and %d paths are not", env, len(dirty)),
		Detail: "  " + strings.Join(shown, "\n  "),
		Hint:   "git commit them, or say --dirty",
	}
}

// ignoreOf is the ignore file that holds for a Dockerfile: read here, it saves the engine a round trip.
func ignoreOf(d *project.Dockerfile) ([]byte, error) {
	if d.Remote || d.Path == "" { // the builder looks for it
		return nil, nil
	}
	content, err := session.Ignore(d.Context, d.Path)
	if content == nil {
		content = []byte{}
	}
	return content, err
}
