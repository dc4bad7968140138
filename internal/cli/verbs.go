package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/goccy/go-yaml"
	"github.com/spf13/cobra"

	"github.com/seaworthyhq/seaworthy/internal/api"
	"github.com/seaworthyhq/seaworthy/internal/event"
	"github.com/seaworthyhq/seaworthy/internal/release"
	"github.com/seaworthyhq/seaworthy/internal/tui"
)

// onTarget runs a call on the environment that the flags name, showing its events.
func (a *app) onTarget(ctx context.Context, call func(*api.Client, release.Environment, event.Sink) error) error {
	env, err := a.targetEnvironment()
	if err != nil {
		return err
	}
	client, err := a.connect(ctx)
	if err != nil {
		return err
	}
	return a.render(func(sink event.Sink) error { return call(client, env, sink) })
}

func (a *app) plan() *cobra.Command {
	var o upOptions
	cmd := &cobra.Command{
		Use: "plan", Short: "What up would do, and why; changes nothing that runs",
		Example: "  seaworthy plan", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return a.make(cmd.Context(), api.GoalPlan, o) },
	}
	o.flags(cmd)
	return cmd
}

func (a *app) deploy() *cobra.Command {
	var force bool
	cmd := &cobra.Command{
		Use: "deploy RELEASE", Short: "Put a release into an environment",
		Example: "  seaworthy deploy r-1a2b3c4d -e production", Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.onTarget(cmd.Context(), func(c *api.Client, env release.Environment, sink event.Sink) error {
				return c.Deploy(cmd.Context(), api.DeployRequest{Environment: env, Release: args[0], Actor: actor(), Force: force}, sink)
			})
		},
	}
	cmd.Flags().BoolVar(&force, "force", false, "deploy although a rollback holds the environment")
	return cmd
}

func (a *app) rollback() *cobra.Command {
	return &cobra.Command{
		Use: "rollback [RELEASE]", Short: "Go back to a release, by digest; up waits for resume then",
		Example: "  seaworthy rollback\n  seaworthy rollback local#3", Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			req := api.DeployRequest{Rollback: true, Actor: actor()}
			if len(args) == 1 {
				req.Release = args[0]
			}
			return a.onTarget(cmd.Context(), func(c *api.Client, env release.Environment, sink event.Sink) error {
				req.Environment = env
				return c.Deploy(cmd.Context(), req, sink)
			})
		},
	}
}

func (a *app) scale() *cobra.Command {
	return &cobra.Command{
		Use: "scale SERVICE=N...", Short: "Set replica counts; they stay until the file says otherwise",
		Example: "  seaworthy scale web=4", Args: cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			counts := map[string]int{}
			for _, arg := range args {
				name, text, _ := strings.Cut(arg, "=")
				n, err := strconv.Atoi(text)
				if err != nil || n < 0 || name == "" {
					return usage(cmd, fmt.Errorf("%q is not of the form SERVICE=N", arg))
				}
				counts[name] = n
			}
			return a.onTarget(cmd.Context(), func(c *api.Client, env release.Environment, sink event.Sink) error {
				return c.Scale(cmd.Context(), api.ScaleRequest{Environment: env, Replicas: counts, Actor: actor()}, sink)
			})
		},
	}
}

func (a *app) restart() *cobra.Command {
	return &cobra.Command{
		Use: "restart [SERVICE...]", Short: "Restart services, one replica after the other",
		Example: "  seaworthy restart web",
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.onTarget(cmd.Context(), func(c *api.Client, env release.Environment, sink event.Sink) error {
				return c.Restart(cmd.Context(), api.ServicesRequest{Environment: env, Services: args, Actor: actor()}, sink)
			})
		},
	}
}

func (a *app) resume() *cobra.Command {
	return &cobra.Command{
		Use: "resume", Short: "Free an environment that a rollback holds", Example: "  seaworthy resume", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return a.onTarget(cmd.Context(), func(c *api.Client, env release.Environment, _ event.Sink) error {
				return c.Resume(cmd.Context(), api.ServicesRequest{Environment: env, Actor: actor()})
			})
		},
	}
}

func (a *app) down() *cobra.Command {
	var volumes bool
	cmd := &cobra.Command{
		Use: "down", Short: "Stop and remove what an environment runs; volumes stay", Example: "  seaworthy down\n  seaworthy down --volumes", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if volumes {
				if err := tui.Confirm(cmd.Context(), a.in, a.err, "Remove the volumes and all data in them?", a.yes); err != nil {
					return err
				}
			}
			return a.onTarget(cmd.Context(), func(c *api.Client, env release.Environment, sink event.Sink) error {
				return c.Down(cmd.Context(), api.ServicesRequest{Environment: env, Actor: actor(), Volumes: volumes}, sink)
			})
		},
	}
	cmd.Flags().BoolVar(&volumes, "volumes", false, "remove the volumes too")
	return cmd
}

func (a *app) show() *cobra.Command {
	return &cobra.Command{
		Use: "show [RELEASE]", Short: "What a release consists of and where it came from",
		Example: "  seaworthy show\n  seaworthy show local#2", Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			env, err := a.targetEnvironment()
			if err != nil {
				return err
			}
			client, err := a.connect(cmd.Context())
			if err != nil {
				return err
			}
			info, err := client.Release(cmd.Context(), env, strings.Join(args, ""))
			if err != nil {
				return err
			}
			return a.result(info, func(out tui.Output) error { return writeRelease(out, info) })
		},
	}
}

func writeRelease(out tui.Output, info api.ReleaseInfo) error {
	fmt.Fprintln(out, info.ID)
	for _, o := range info.Origins {
		fmt.Fprintf(out, "  made by %s %s %s\n", o.Actor, tui.Ago(o.Time, time.Now()), originOf(o))
	}
	table := tui.NewTable("image", "digest", "platform")
	for _, img := range info.Release.Images() {
		table.Add(tui.Text(img.Ref), tui.Text(string(img.Digest)), tui.Text(img.Platform))
	}
	for _, b := range info.Release.Bases {
		table.Add(tui.Text(b.Ref+" (base)"), tui.Text(string(b.Digest)), tui.Text(""))
	}
	return table.Write(out)
}

func (a *app) logs() *cobra.Command {
	var req api.LogsRequest
	var since time.Duration
	var timestamps bool
	cmd := &cobra.Command{
		Use: "logs [SERVICE...]", Short: "What replicas wrote", Example: "  seaworthy logs -f web\n  seaworthy logs --since 10m",
		RunE: func(cmd *cobra.Command, args []string) error {
			env, err := a.targetEnvironment()
			if err != nil {
				return err
			}
			client, err := a.connect(cmd.Context())
			if err != nil {
				return err
			}
			req.Environment, req.Services = env, args
			if since > 0 {
				req.Since = time.Now().Add(-since)
			}
			if a.json {
				return a.render(func(sink event.Sink) error { return client.Logs(cmd.Context(), req, sink) })
			}
			out := tui.NewLogs(a.out, tui.LogOptions{Timestamps: timestamps})
			if err := client.Logs(cmd.Context(), req, out); err != nil {
				return err
			}
			return out.Err()
		},
	}
	f := cmd.Flags()
	f.BoolVarP(&req.Follow, "follow", "f", false, "go on as they write")
	f.DurationVar(&since, "since", 0, "only what is younger, such as 10m")
	f.IntVarP(&req.Tail, "tail", "n", 0, "only the last lines of each replica")
	f.BoolVar(&req.Previous, "previous", false, "also of replicas that were removed")
	f.BoolVarP(&timestamps, "timestamps", "t", false, "show when each line was written")
	return cmd
}

func (a *app) exec() *cobra.Command {
	return &cobra.Command{
		Use: "exec SERVICE -- CMD...", Short: "Run a command in a replica that serves",
		Example: "  seaworthy exec web -- /hrefcounter -healthcheck", Args: cobra.MinimumNArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			env, err := a.targetEnvironment()
			if err != nil {
				return err
			}
			client, err := a.connect(cmd.Context())
			if err != nil {
				return err
			}
			user := api.ExecIO{Stdout: a.out, Stderr: a.err}
			if !tui.IsTerminal(a.in) {
				user.Stdin = a.in
			}
			code, err := client.Exec(cmd.Context(), api.ExecRequest{
				Environment: env, Service: args[0], Args: args[1:], Actor: actor(), Stdin: user.Stdin != nil,
			}, user)
			if err == nil && code != 0 {
				err = exitError{code}
			}
			return err
		},
	}
}

func (a *app) config() *cobra.Command {
	return &cobra.Command{
		Use: "config", Short: "The project as it is understood, with every value resolved", Example: "  seaworthy config", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			p, err := a.load(cmd.Context(), nil)
			if err != nil {
				return err
			}
			return a.result(p, func(out tui.Output) error {
				raw, err := json.Marshal(p)
				if err != nil {
					return err
				}
				text, err := yaml.JSONToYAML(raw)
				if err != nil {
					return err
				}
				_, err = out.Write(text)
				return err
			})
		},
	}
}

func (a *app) gc() *cobra.Command {
	var req api.GCRequest
	cmd := &cobra.Command{
		Use: "gc", Short: "Collect what nothing needs, and say how much", Example: "  seaworthy gc", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			client, err := a.connect(cmd.Context())
			if err != nil {
				return err
			}
			req.Actor = actor()
			done, err := client.GC(cmd.Context(), req)
			if err != nil {
				return err
			}
			return a.result(done, func(out tui.Output) error {
				_, err := fmt.Fprintf(out, "removed %d releases and %d image names, %s of build cache; %s freed\n",
					len(done.Releases), done.Images, tui.Bytes(done.BuildCache), tui.Bytes(done.Freed))
				return err
			})
		},
	}
	cmd.Flags().IntVar(&req.Keep, "keep", 0, "releases of each environment that can be rolled back to; 0: the engine's setting")
	cmd.Flags().BoolVar(&req.All, "all", false, "the whole build cache too")
	return cmd
}

func (a *app) volume() *cobra.Command {
	cmd := &cobra.Command{Use: "volume", Short: "Volumes of an environment"}
	a.addPlain(cmd,
		a.onVolumes("list", "List them", cobra.NoArgs, func(ctx context.Context, c *api.Client, env release.Environment, _ []string) error {
			found, err := c.Volumes(ctx, env)
			if err != nil {
				return err
			}
			return a.result(found, func(out tui.Output) error {
				table := tui.NewTable("volume", "size", "used by")
				for _, v := range found {
					table.Add(tui.Text(v.Name), tui.Text(tui.Bytes(v.Bytes)), tui.Text(strings.Join(v.UsedBy, " ")))
				}
				return table.Write(out)
			})
		}),
		a.onVolumes("export NAME", "Write one as a tar archive to standard output", cobra.ExactArgs(1), func(ctx context.Context, c *api.Client, env release.Environment, args []string) error {
			return c.ExportVolume(ctx, env, args[0], a.out)
		}),
		a.onVolumes("import NAME [FILE]", "Fill one from a tar archive, or from standard input", cobra.RangeArgs(1, 2), func(ctx context.Context, c *api.Client, env release.Environment, args []string) error {
			if len(args) == 1 && tui.IsTerminal(a.in) {
				return &release.UserError{Kind: release.KindUsage, Err: errors.New("no archive given"), Hint: "seaworthy volume import " + args[0] + " FILE.tar"}
			}
			in := io.Reader(a.in)
			if len(args) == 2 {
				f, err := os.Open(args[1])
				if err != nil {
					return &release.UserError{Kind: release.KindUsage, Err: err}
				}
				defer f.Close()
				in = f
			}
			return c.ImportVolume(ctx, env, args[0], in)
		}),
		a.onVolumes("remove NAME", "Remove one that no service uses", cobra.ExactArgs(1), func(ctx context.Context, c *api.Client, env release.Environment, args []string) error {
			if err := tui.Confirm(ctx, a.in, a.err, "Remove "+args[0]+" and all data in it?", a.yes); err != nil {
				return err
			}
			return c.RemoveVolume(ctx, env, args[0])
		}))
	return cmd
}

func (a *app) onVolumes(use, short string, check cobra.PositionalArgs, run func(context.Context, *api.Client, release.Environment, []string) error) *cobra.Command {
	return &cobra.Command{
		Use: use, Short: short, Args: check, Example: "  seaworthy volume " + use,
		RunE: func(cmd *cobra.Command, args []string) error {
			env, err := a.targetEnvironment()
			if err != nil {
				return err
			}
			client, err := a.connect(cmd.Context())
			if err != nil {
				return err
			}
			return run(cmd.Context(), client, env, args)
		},
	}
}
