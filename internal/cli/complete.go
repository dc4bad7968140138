package cli

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/seaworthyhq/seaworthy/internal/api"
	"github.com/seaworthyhq/seaworthy/internal/release"
	"github.com/seaworthyhq/seaworthy/internal/tui"
)

// completeLimit is how long an engine is asked what could be meant: whoever presses Tab does not wait.
const completeLimit = 2 * time.Second

// choices are what an argument or flag may be, each with a word on what it is behind a tab.
type choices func(ctx context.Context, c *api.Client, env release.Environment) []string

// addCompletion has shells complete the names of what there is. The engine is asked, and not started for it.
func (a *app) addCompletion(root *cobra.Command) {
	const all, noSpace, inOrder = 0, cobra.ShellCompDirectiveNoSpace, cobra.ShellCompDirectiveKeepOrder
	for path, f := range map[string]cobra.CompletionFunc{
		"logs":          a.completeArgs(all, serviceNames),
		"restart":       a.completeArgs(all, serviceNames),
		"exec":          a.completeArgs(1, serviceNames),
		"run":           a.completeArgs(1, serviceNames),
		"scale":         withDirective(noSpace, a.completeArgs(all, scaleCounts)),
		"deploy":        withDirective(inOrder, a.completeArgs(1, releaseNames)),
		"rollback":      withDirective(inOrder, a.completeArgs(1, servedNames)),
		"show":          withDirective(inOrder, a.completeArgs(1, releaseNames)),
		"export":        withDirective(inOrder, a.completeArgs(1, releaseNames)),
		"why":           a.completeArgs(1, stageNames),
		"volume export": a.completeArgs(1, volumeNames),
		"volume import": a.completeArgs(1, volumeNames),
		"volume remove": a.completeArgs(1, volumeNames),
	} {
		find(root, path).ValidArgsFunction = f
	}
	if err := root.RegisterFlagCompletionFunc("env", a.completeEnvironment); err != nil {
		panic(err)
	}
}

// completeArgs offers what was not given yet for the first so many arguments (0: all). Behind them, files are offered.
func (a *app) completeArgs(first int, find choices) cobra.CompletionFunc {
	return func(cmd *cobra.Command, args []string, begun string) ([]string, cobra.ShellCompDirective) {
		if first > 0 && len(args) >= first {
			return nil, cobra.ShellCompDirectiveDefault
		}
		env, err := a.targetEnvironment()
		if err != nil {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		found := a.ask(cmd.Context(), env, find)
		return slices.DeleteFunc(found, func(choice string) bool {
			name, _, _ := strings.Cut(choice, "\t")
			return slices.Contains(args, name) || !strings.HasPrefix(name, begun)
		}), cobra.ShellCompDirectiveNoFileComp
	}
}

func (a *app) ask(ctx context.Context, env release.Environment, find choices) []string {
	ctx, cancel := context.WithTimeout(ctx, completeLimit)
	defer cancel()
	return find(ctx, api.NewClient(a.root), env)
}

func withDirective(more cobra.ShellCompDirective, f cobra.CompletionFunc) cobra.CompletionFunc {
	return func(cmd *cobra.Command, args []string, begun string) ([]string, cobra.ShellCompDirective) {
		found, directive := f(cmd, args, begun)
		return found, directive | more
	}
}

// completeEnvironment offers the environments of the directory's project by name, and all others with their project.
func (a *app) completeEnvironment(cmd *cobra.Command, _ []string, _ string) ([]string, cobra.ShellCompDirective) {
	a.environment = "" // what was begun names none
	here, _ := a.target()
	return a.ask(cmd.Context(), release.Environment{}, func(ctx context.Context, c *api.Client, env release.Environment) []string {
		all, _ := c.Status(ctx, env) // no engine: nothing to offer
		var names []string
		for _, s := range all {
			if s.Environment.Project == here.Project {
				names = append(names, s.Environment.Name)
			}
			names = append(names, s.Environment.String())
		}
		return names
	}), cobra.ShellCompDirectiveNoFileComp
}

func serviceNames(ctx context.Context, c *api.Client, env release.Environment) []string {
	return eachService(ctx, c, env, func(s api.ServiceStatus) string { return s.Name })
}

func scaleCounts(ctx context.Context, c *api.Client, env release.Environment) []string {
	return eachService(ctx, c, env, func(s api.ServiceStatus) string { return fmt.Sprintf("%s=\tnow %d", s.Name, s.Desired) })
}

func eachService(ctx context.Context, c *api.Client, env release.Environment, choice func(api.ServiceStatus) string) []string {
	all, _ := c.Status(ctx, env) // no engine: nothing to offer
	var found []string
	for _, s := range all {
		for _, service := range s.Services {
			found = append(found, choice(service))
		}
	}
	return found
}

func volumeNames(ctx context.Context, c *api.Client, env release.Environment) []string {
	all, _ := c.Volumes(ctx, env) // no engine: nothing to offer
	var found []string
	for _, v := range all {
		found = append(found, v.Name)
	}
	return found
}

// releaseNames are what the releases that are there can be called by, the one made last first.
func releaseNames(ctx context.Context, c *api.Client, env release.Environment) []string {
	return namesOfThose(ctx, c, env, func(api.ReleaseSummary) bool { return true })
}

// servedNames are those of releases that have come up in the environment.
func servedNames(ctx context.Context, c *api.Client, env release.Environment) []string {
	return namesOfThose(ctx, c, env, func(r api.ReleaseSummary) bool {
		return slices.ContainsFunc(r.Deployments, func(d release.Deployment) bool {
			return d.Environment == env && d.Result == release.Succeeded
		})
	})
}

func namesOfThose(ctx context.Context, c *api.Client, env release.Environment, wanted func(api.ReleaseSummary) bool) []string {
	all, _ := c.Releases(ctx, env.Project) // no engine: nothing to offer
	var found []string
	for _, r := range all {
		if wanted(r) {
			found = append(found, namesOf(r, time.Now())...)
		}
	}
	return found
}

// namesOf are a release's last deployment in each environment, its id and its tags.
func namesOf(r api.ReleaseSummary, now time.Time) []string {
	var names []string
	seen := map[string]bool{"": true} // names, and the environments that have one
	add := func(name, what string) {
		if !seen[name] {
			seen[name] = true
			names = append(names, name+"\t"+what)
		}
	}
	for _, d := range r.Deployments {
		if !seen[d.Environment.Name] {
			seen[d.Environment.Name] = true
			add(d.Name(), fmt.Sprintf("%s, %s %s", d.Release.Short(), d.Cause, tui.Ago(d.Started, now)))
		}
	}
	for _, o := range slices.Backward(r.Origins) {
		add(r.ID.Short(), "made "+tui.Ago(o.Time, now))
		add(o.Tag, r.ID.Short()+", made "+tui.Ago(o.Time, now))
	}
	return names
}
