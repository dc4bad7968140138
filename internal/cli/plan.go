package cli

import (
	"context"
	"errors"

	"github.com/spf13/cobra"

	"github.com/seaworthyhq/seaworthy/internal/api"
	"github.com/seaworthyhq/seaworthy/internal/event"
	"github.com/seaworthyhq/seaworthy/internal/git"
	"github.com/seaworthyhq/seaworthy/internal/graph"
	"github.com/seaworthyhq/seaworthy/internal/project"
	"github.com/seaworthyhq/seaworthy/internal/release"
	"github.com/seaworthyhq/seaworthy/internal/tui"
)

// commitsShown is how many commits a plan lists.
const commitsShown = 12

type planOptions struct {
	upOptions
	file     string
	exitCode bool
	graph    string
}

func (a *app) plan() *cobra.Command {
	var o planOptions
	cmd := &cobra.Command{
		Use:   "plan",
		Short: "What up would do, and why; changes nothing that runs",
		Long: lines(
			"Lists the stages of each Dockerfile: what each is for and why, its lines, what it takes from where, and what is not",
			"built. Then it builds and checks as up does, and says what up would do: what happens to each service and why, the",
			"commits since the release that serves, the operations in their order, and ports that the world can reach. It deploys",
			"nothing and records nothing.",
			"",
			"With -o the plan is kept in a file, for seaworthy up FILE to run: exactly this plan, or nothing. For that, the release",
			"is recorded, and its files and the values of its secrets are handed to the engine; the file holds none of them.",
			"What lies in .seaworthy is not part of what is built.",
			"",
			"With --graph it writes the stages and their edges as a picture for Mermaid or Graphviz, or as JSON, and does nothing else:",
			"no engine is needed for that. Mermaid shows no more than 500 arrows unless it is told to; Graphviz has no such limit."),
		Example: lines(
			"  seaworthy plan",
			"  seaworthy plan -e staging -o .seaworthy/staging.plan && seaworthy up .seaworthy/staging.plan",
			"  seaworthy plan --exit-code || echo there is something to do",
			"  seaworthy plan --graph dot | dot -Tsvg > stages.svg"),
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if cmd.Flags().Changed("graph") {
				delete(cmd.Annotations, streaming) // it answers with a result
				return a.writeGraph(cmd.Context(), o)
			}
			return a.makePlan(cmd.Context(), o)
		},
	}
	o.flags(cmd)
	cmd.Flags().StringVarP(&o.file, "output", "o", "", "keep the plan in this file; records the release")
	cmd.Flags().BoolVar(&o.exitCode, "exit-code", false, "end with 11 where there is something to do, with 0 where there is not")
	cmd.Flags().StringVar(&o.graph, "graph", "", "write the stages and their edges as mermaid, dot or json; builds nothing")
	_ = cmd.RegisterFlagCompletionFunc("graph", cobra.FixedCompletions(graphForms, cobra.ShellCompDirectiveNoFileComp))
	return cmd
}

// planFlag is for the verbs that change what runs and build nothing.
func planFlag(cmd *cobra.Command, plan *bool) {
	cmd.Flags().BoolVar(plan, "plan", false, "say what it would do, and why; do nothing")
}

func (a *app) makePlan(ctx context.Context, o planOptions) error {
	if o.file != "" {
		if err := placeForPlan(o.file); err != nil {
			return err
		}
	}
	p, origin, client, err := a.gather(ctx, o.upOptions)
	if err != nil {
		return err
	}
	refused := p.Environment.Name != project.Local && len(origin.Dirty) > 0 && !o.dirty
	if refused && o.file != "" {
		return dirtyError(p.Environment.Name, origin)
	}
	env := release.Environment{Project: p.Name, Name: p.Environment.Name}
	serving := statusOf(ctx, client, env)
	since := a.since(ctx, serving, origin)
	next := a.howToRun(env, o.file, serving.Held != "", refused)
	req := api.UpRequest{Goal: api.GoalPlan, Project: *p, Origin: origin, Pull: o.pull, NoCache: o.noCache, Keep: o.file != ""}
	var made *event.Plan
	shown := a.rendering()
	shown.Stages = true
	err = a.rendered(ctx, tui.New(shown), nil, func(sink event.Sink) error {
		g := graph.New(p)
		sink.Emit(event.Event{Type: event.TypeGraph, Graph: g.Event()})
		for _, w := range p.Warnings {
			sink.Emit(w.Event())
		}
		if refused {
			said, hint := uncommitted(origin)
			sink.Emit(message(event.Warn, "up takes only what is committed: "+said, hint+", or say up --dirty"))
		}
		err := serveAndRun(ctx, client, p, &req, event.SinkFunc(func(e event.Event) {
			if e.Plan != nil {
				e.Plan.Since, made = since, e.Plan
			}
			sink.Emit(e)
		}))
		if err != nil || made == nil {
			return err
		}
		if o.file != "" {
			if err := newPlanFile(*made, origin).write(o.file); err != nil {
				return err
			}
		}
		if o.file != "" || !made.Empty {
			sink.Emit(message(event.Info, next, ""))
		}
		return nil
	})
	if err == nil && o.exitCode && made != nil && !made.Empty {
		err = &release.UserError{Kind: release.KindChanges, Err: errors.New("there is something to do")}
	}
	return err
}

// howToRun is what to type for a plan to happen.
func (a *app) howToRun(env release.Environment, file string, held, refused bool) string {
	up := a.asTyped(env.Command("up"))
	switch {
	case file != "": // knows its environment
		up = a.asTyped("seaworthy up " + file)
	case refused:
		up = a.asTyped(env.Command("up --dirty"))
	}
	if held {
		return a.asTyped(env.Command("resume")) + ", and then " + up + ", does it"
	}
	return up + " does it"
}

// statusOf is what runs in an environment. An engine that cannot say will say so to the plan too.
func statusOf(ctx context.Context, client *api.Client, env release.Environment) api.EnvironmentStatus {
	found, err := client.Status(ctx, env)
	if err != nil || len(found) != 1 {
		return api.EnvironmentStatus{}
	}
	return found[0]
}

// since is what the project's history has had since the release that serves was made.
func (a *app) since(ctx context.Context, serving api.EnvironmentStatus, origin release.Origin) *event.Since {
	from := serving.Origin.Commit
	if from == "" || origin.Commit == "" {
		return nil
	}
	r := git.Between(ctx, a.dir, from, origin.Commit, commitsShown)
	s := &event.Since{Commit: from, More: r.More, Behind: r.Behind, Changed: r.Paths, Dirty: origin.Dirty}
	for _, c := range r.Commits {
		s.Commits = append(s.Commits, event.Commit{Hash: c.Hash, Subject: c.Subject})
	}
	return s
}

func message(level event.Level, text, hint string) event.Event {
	return event.Event{Type: event.TypeMessage, Message: &event.Message{Level: level, Text: text, Hint: hint}}
}
