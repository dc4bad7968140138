package cli

import (
	"cmp"
	"context"
	"errors"
	"os"
	"strings"

	"github.com/seaworthyhq/seaworthy/internal/project"
	"github.com/seaworthyhq/seaworthy/internal/release"
)

// load reads the project of the directory for the environment that was asked for.
func (a *app) load(ctx context.Context, profiles []string) (*project.Project, error) {
	return project.Load(ctx, project.Options{
		Dir:         a.dir,
		Environment: a.environment,
		Profiles:    profiles,
		Variables:   shellVariables(),
	})
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
	if strings.Contains(a.environment, "/") {
		env, err := release.ParseEnvironment(a.environment)
		if err != nil {
			return env, &release.UserError{Kind: release.KindUsage, Err: err, Hint: "seaworthy status --all lists the environments"}
		}
		return env, nil
	}
	name, err := project.NameOf(a.dir)
	if err != nil {
		return release.Environment{}, noProject(err)
	}
	return release.Environment{Project: name, Name: a.environment}, nil
}

// targetEnvironment is target with an environment: local, where nothing says otherwise.
func (a *app) targetEnvironment() (release.Environment, error) {
	env, err := a.target()
	env.Name = cmp.Or(env.Name, project.Local)
	return env, err
}

func noProject(err error) error {
	if user, ok := errors.AsType[*release.UserError](err); ok && user.Hint != "" {
		return err
	}
	return &release.UserError{Kind: release.KindUsage, Err: err, Hint: "name it: -e project/environment; seaworthy status --all lists them"}
}
