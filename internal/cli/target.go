package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/seaworthyhq/seaworthy/internal/api"
	"github.com/seaworthyhq/seaworthy/internal/project"
	"github.com/seaworthyhq/seaworthy/internal/release"
)

// load reads the project of the directory for the environment that was asked for, which may be named whole.
func (a *app) load(ctx context.Context, profiles []string) (*project.Project, error) {
	asked := a.environment
	env, err := release.ParseEnvironment(asked)
	if err == nil {
		asked = env.Name
	}
	p, err := project.Load(ctx, project.Options{Dir: a.dir, Environment: asked, Profiles: profiles, Variables: shellVariables()})
	if err == nil && env.Project != "" && env.Project != p.Name {
		return nil, &release.UserError{
			Kind: release.KindUsage, Err: fmt.Errorf("the project in %s is %s, not %s", p.Dir, p.Name, env.Project), Hint: "go to its directory, or name it with -C DIR",
		}
	}
	if err == nil {
		a.here = release.Environment{Project: p.Name, Name: p.Environment.Name}
	}
	return p, err
}

func shellVariables() map[string]string {
	all := map[string]string{}
	for _, pair := range os.Environ() {
		if name, value, ok := strings.Cut(pair, "="); ok {
			all[name] = value
		}
	}
	return all
}

// target is the environment that a verb is about which needs no checkout: the one that -e names, whole; else the
// directory's project with the environment that -e names. Its Name is empty where neither -e nor the directory says it.
func (a *app) target() (release.Environment, error) {
	env, _, err := a.findTarget()
	return env, err
}

// targetEnvironment is target with an environment: where -e names none, the one that up would take.
func (a *app) targetEnvironment() (release.Environment, error) {
	env, chosen, err := a.findTarget()
	env.Name = cmp.Or(env.Name, chosen)
	return env, err
}

// findTarget is target, and the environment that the directory chooses.
func (a *app) findTarget() (env release.Environment, chosen string, err error) {
	if strings.Contains(a.environment, "=") {
		return env, "", &release.UserError{
			Kind: release.KindUsage, Err: fmt.Errorf("-e names an environment, which %s cannot be", a.environment),
			Hint: "a variable for the command of exec or run is set with --env-var " + a.environment,
		}
	}
	if strings.Contains(a.environment, "/") {
		if env, err = release.ParseEnvironment(a.environment); err != nil {
			err = &release.UserError{Kind: release.KindUsage, Err: err, Hint: "seaworthy status --all lists the environments"}
		}
		return env, env.Name, err
	}
	name, chosen, err := project.NameOf(a.dir)
	if err != nil {
		return env, "", noProject(err)
	}
	a.here = release.Environment{Project: name, Name: cmp.Or(a.environment, chosen)}
	return release.Environment{Project: name, Name: a.environment}, chosen, nil
}

// know is an error about an environment that was named and that neither the engine nor the checkout knows.
func (a *app) know(ctx context.Context, c *api.Client, env release.Environment) error {
	if a.environment == "" {
		return nil
	}
	if err := env.Check(); err != nil {
		return err
	}
	if found, err := c.Status(ctx, env); err != nil || len(found) > 0 {
		return err
	}
	if here, _, err := project.NameOf(a.dir); err == nil && here == env.Project {
		return project.HasEnvironment(a.dir, env.Name)
	}
	return &release.UserError{
		Kind: release.KindNotFound, Err: fmt.Errorf("there is no environment %s", env), Hint: "seaworthy status --all lists the environments",
	}
}

func noProject(err error) error {
	if user, ok := errors.AsType[*release.UserError](err); ok && user.Hint != "" {
		return err
	}
	return &release.UserError{Kind: release.KindUsage, Err: err, Hint: "name it: -e project/environment; seaworthy status --all lists them"}
}
