package project

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/seaworthyhq/seaworthy/internal/release"
)

// Options say what to load.
type Options struct {
	Dir         string   // of the project; empty: the current one
	Environment string   // empty: the only one of seaworthy.yaml, or local
	Profiles    []string // of the compose files, besides those that seaworthy.yaml names
	// Variables of the shell. They count for local only, and as the source of secrets.
	Variables map[string]string
}

// Load reads and validates a directory. What is wrong is returned as a *release.UserError that wraps Problems: all of
// them, in the order of files and lines. Warnings are part of the project.
func Load(ctx context.Context, o Options) (*Project, error) {
	l, err := begin(ctx, o)
	if err != nil {
		return nil, err
	}
	if err := l.run(); err != nil {
		return nil, err
	}
	problems := l.sorted()
	if err := problems.asError(l.dir); err != nil {
		return nil, err
	}
	l.project.Warnings = problems
	return l.project, nil
}

// begin reads seaworthy.yaml, which says what else to read.
func begin(ctx context.Context, o Options) (*load, error) {
	dir, err := filepath.Abs(o.Dir)
	if err != nil {
		return nil, fmt.Errorf("find directory %s: %w", o.Dir, err)
	}
	if info, err := os.Stat(dir); err != nil || !info.IsDir() {
		return nil, &release.UserError{Kind: release.KindUsage, Err: fmt.Errorf("read project: there is no directory %s", dir), Hint: "name one with -C DIR"}
	}
	l := &load{
		ctx: ctx, options: o, dir: dir, findings: &findings{}, builds: &builds{dir: dir}, known: map[string]map[string]string{},
		project: &Project{Dir: dir, contents: map[release.Digest]content{}, values: map[string]bool{}, sources: map[string]bool{}},
	}
	l.settings = readSettings(dir, l.findings)
	return l, nil
}

type load struct {
	*findings
	ctx      context.Context
	options  Options
	dir      string
	settings *settings
	known    map[string]map[string]string // variables by environment
	builds   *builds
	project  *Project
}

func (l *load) run() error {
	name, err := l.chooseEnvironment()
	if err != nil {
		return err
	}
	l.nameProject(name)
	env, err := l.environment(name, true)
	if err != nil {
		return err
	}
	l.project.Environment = *env
	l.project.lookup = func(variable string) (string, bool) {
		return (&composeFiles{variables: l.variables(name), shell: l.options.Variables}).secretVariable(variable)
	}
	for _, other := range slices.Sorted(maps.Keys(l.settings.Environments)) {
		if other == name || other == Local {
			continue
		}
		if err := l.other(other); err != nil {
			return err
		}
	}
	l.project.Dockerfiles = l.builds.settle(l.project.Environments())
	l.checks()
	l.developers()
	return nil
}

// chooseEnvironment is the one that was asked for, else the only one, else local.
func (l *load) chooseEnvironment() (string, error) {
	known := slices.Sorted(maps.Keys(l.settings.Environments))
	name := l.options.Environment
	switch {
	case name == "" && len(known) == 1:
		return known[0], nil
	case name == "" || name == Local:
		return Local, nil
	case slices.Contains(known, name):
		return name, nil
	}
	if l.isNone() {
		return "", l.none()
	}
	if !slices.Contains(known, Local) {
		known = append(known, Local)
	}
	return "", &release.UserError{
		Kind: release.KindNotFound, Err: fmt.Errorf("find environment %s: %s has no such entry", name, SettingsFile),
		Hint: "choose one of " + strings.Join(known, ", ") + didYouMean(name, known),
	}
}

// other reads an environment besides the one that was asked for. What is wrong there stops nothing here: the project goes without
// that environment, and says so. Where something is wrong here as well, all of it is reported alike.
func (l *load) other(name string) error {
	found, builds, contents := l.findings, l.builds.clone(), maps.Clone(l.project.contents)
	l.findings = &findings{}
	env, err := l.environment(name, false)
	own := l.list
	l.findings = found
	if err != nil {
		return err
	}
	if len(own.errors()) == 0 || len(l.list.errors()) > 0 {
		l.project.Others = append(l.project.Others, *env)
		l.add(own...)
		return nil
	}
	l.builds, l.project.contents = builds, contents
	l.builds.incomplete = true
	for _, p := range own {
		if p.Severity == Error {
			p.Severity, p.Message = Warning, fmt.Sprintf("the release has nothing for %s: %s", name, p.Message)
		}
		l.add(p)
	}
	return nil
}

// environment reads what one environment runs. Only for the one that was asked for, the values of secrets have to be there.
func (l *load) environment(name string, asked bool) (*Environment, error) {
	if err := l.ctx.Err(); err != nil {
		return nil, context.Cause(l.ctx)
	}
	own := l.settings.environment(name)
	env := &Environment{Name: name, Host: cmp.Or(own.Host, Local)}
	variables := l.variables(name)
	files := l.composeFiles(name)
	c := &converter{
		composeFiles: &composeFiles{
			findings: l.findings, dir: l.dir, name: l.project.Name, variables: variables, shell: l.options.Variables,
			profiles: l.profiles(name, variables),
		},
		env: env, asked: asked, builds: l.builds, contents: l.project.contents, values: l.project.values, sources: l.project.sources,
	}
	if v, ok := variables["COMPOSE_FILE"]; ok && asked {
		l.add(Problem{Severity: Warning, Message: fmt.Sprintf("COMPOSE_FILE=%s is ignored", v), Hint: "name the files in " + SettingsFile + ": environments." + name + ".compose"})
	}
	if len(files) == 0 && len(own.Compose) == 0 {
		c.dockerfileAlone(l.project.Name)
	} else {
		c.fromCompose(l.ctx, files)
		for _, doc := range c.all {
			c.sources[doc.path] = true
		}
	}
	if len(env.Services) > 0 {
		c.adjust(l.settings)
		c.checkPorts()
	}
	return env, nil
}

// fromCompose goes on after a problem without what is wrong, to find the others.
func (c *converter) fromCompose(ctx context.Context, files []string) {
	c.read(files)
	for range maxRepairs {
		if c.stuck {
			break
		}
		before := c.leftOut
		if c.load(ctx) {
			c.judge()
			c.convert()
			return
		}
		c.stuck = c.leftOut == before
	}
	c.builds.incomplete = true
	if c.asked {
		c.checkDockerfile()
	}
}

// checkDockerfile reports what is no Dockerfile, whatever the compose files would build it with, where these cannot be read.
func (c *converter) checkDockerfile() {
	path := filepath.Join(c.dir, "Dockerfile")
	src, p := readSource(c.dir, path)
	if p != nil {
		return // whether there has to be one is not known
	}
	d := &Dockerfile{File: "Dockerfile", Path: path, Context: c.dir}
	if found := d.parseStages(src); len(d.Stages) == 0 {
		c.add(found...)
	}
}

// profiles are those of seaworthy.yaml, of the command line, and of COMPOSE_PROFILES where it counts.
func (l *load) profiles(environment string, variables map[string]string) []string {
	all := slices.Concat(l.settings.environment(environment).Profiles, l.options.Profiles)
	for p := range strings.SplitSeq(variables["COMPOSE_PROFILES"], ",") {
		if p = strings.TrimSpace(p); p != "" {
			all = append(all, p)
		}
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// composeFiles are the files that seaworthy.yaml names, or those that Compose finds. An override counts for local only.
func (l *load) composeFiles(environment string) []string {
	if named := l.settings.environment(environment).Compose; len(named) > 0 {
		var files []string
		for i, file := range named {
			if path := filepath.Join(l.dir, file); exists(path) {
				files = append(files, path)
			} else {
				l.add(l.settings.at(trail{"environments", environment, "compose", fmt.Sprint(i)}, file+": there is no such file", "make it, or correct the path"))
			}
		}
		return files
	}
	found := l.first("compose.yaml", "compose.yml", "docker-compose.yml", "docker-compose.yaml")
	if environment == Local && found != nil {
		found = append(found, l.first("compose.override.yaml", "compose.override.yml", "docker-compose.override.yml", "docker-compose.override.yaml")...)
	}
	return found
}

func (l *load) first(names ...string) []string {
	for _, name := range names {
		if file := filepath.Join(l.dir, name); exists(file) {
			return []string{file}
		}
	}
	return nil
}
