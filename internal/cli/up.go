package cli

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/seaworthyhq/seaworthy/internal/api"
	"github.com/seaworthyhq/seaworthy/internal/event"
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
	f.BoolVar(&o.dirty, "dirty", false, "take what is not committed, also for environments other than local")
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
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) > 1 {
				return &release.UserError{Kind: release.KindUsage, Err: errors.New("up takes no service names"), Hint: whatUpTakes}
			}
			return nil
		},
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
		Args:    noArgs,
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
		Args:    noArgs,
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
	client, err := a.reach(ctx)
	if err != nil {
		return err
	}
	req := f.request()
	req.Force = force
	return a.change(ctx, req.Environment, false, func(sink event.Sink) error { return client.Deploy(ctx, req, sink) })
}

// make runs the way from the directory to goal.
func (a *app) make(ctx context.Context, goal api.Goal, o upOptions) error {
	p, origin, client, err := a.gather(ctx, o)
	if err != nil {
		return err
	}
	if p.Environment.Name != project.Local && len(origin.Dirty) > 0 && !o.dirty {
		return dirtyError(p.Environment.Name, origin)
	}
	req := api.UpRequest{Goal: goal, Project: *p, Origin: origin, Pull: o.pull, NoCache: o.noCache, Force: o.force}
	return a.render(ctx, func(sink event.Sink) error {
		for _, w := range p.Warnings {
			sink.Emit(w.Event())
		}
		return serveAndRun(ctx, client, p, &req, sink)
	})
}
