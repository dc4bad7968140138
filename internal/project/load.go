package project

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/compose-spec/compose-go/v2/dotenv"
	"github.com/compose-spec/compose-go/v2/loader"
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
	dir, err := filepath.Abs(o.Dir)
	if err != nil {
		return nil, fmt.Errorf("find directory %s: %w", o.Dir, err)
	}
	if info, err := os.Stat(dir); err != nil || !info.IsDir() {
		return nil, &release.UserError{Kind: release.KindUsage, Err: fmt.Errorf("read project: there is no directory %s", dir), Hint: "name one with -C DIR"}
	}
	l := &load{
		ctx: ctx, options: o, dir: dir, findings: &findings{}, builds: &builds{dir: dir},
		project: &Project{Dir: dir, contents: map[release.Digest]content{}},
	}
	l.settings = readSettings(dir, l.findings)
	if err := l.run(); err != nil {
		return nil, err
	}
	problems := l.sorted()
	if err := problems.asError(dir); err != nil {
		return nil, err
	}
	l.project.Warnings = problems
	return l.project, nil
}

type load struct {
	*findings
	ctx      context.Context
	options  Options
	dir      string
	settings *settings
	dotenv   map[string]string
	builds   *builds
	project  *Project
}

func (l *load) run() error {
	name, err := l.chooseEnvironment()
	if err != nil {
		return err
	}
	l.dotenv = l.variablesOf(filepath.Join(l.dir, ".env"), nil)
	l.nameProject(name)
	env, err := l.environment(name)
	if err != nil {
		return err
	}
	l.project.Environment = *env
	for _, other := range slices.Sorted(maps.Keys(l.settings.Environments)) {
		if other == name || other == Local {
			continue
		}
		env, err := l.environment(other)
		if err != nil {
			return err
		}
		l.project.Others = append(l.project.Others, *env)
	}
	l.project.Dockerfiles = l.builds.sorted()
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
	if !slices.Contains(known, Local) {
		known = append(known, Local)
	}
	return "", &release.UserError{
		Kind: release.KindNotFound, Err: fmt.Errorf("find environment %s: %s has no such entry", name, SettingsFile),
		Hint: "choose one of " + strings.Join(known, ", ") + didYouMean(name, known),
	}
}

var notInProjectName = regexp.MustCompile(`[^a-z0-9_-]+`)

// nameProject takes seaworthy.yaml's name, else the compose file's, else the folder's.
func (l *load) nameProject(environment string) {
	l.project.Name = l.settings.Name
	if l.project.Name == "" {
		l.project.Name = l.composeName(environment)
	}
	if l.project.Name == "" {
		l.project.Name = sanitize(filepath.Base(l.dir))
	}
	if l.settings.Name != "" {
		return
	}
	for _, name := range slices.Sorted(maps.Keys(l.settings.Environments)) {
		if name != Local {
			l.add(l.settings.at(trail{"environments", name}, fmt.Sprintf("the environment %s needs a project with a name", name), fmt.Sprintf("write name: %s into %s: a folder can be renamed, what runs cannot", l.project.Name, SettingsFile)))
			return
		}
	}
}

// sanitize makes a name of a folder's: in lower case, of letters, digits, - and _.
func sanitize(folder string) string {
	name := strings.Trim(notInProjectName.ReplaceAllString(strings.ToLower(folder), "-"), "-_")
	return cmp.Or(name, "project")
}

// composeName is the last name that the compose files give.
func (l *load) composeName(environment string) string {
	name := ""
	for _, file := range l.composeFiles(environment) {
		src, p := readSource(l.dir, file)
		if p != nil || !strings.Contains(string(src.text), "name:") {
			continue
		}
		doc, p := parseDocument(src)
		if p != nil {
			continue // reported when the file is read
		}
		if _, v := doc.find(trail{"name"}); v != nil && v.Value != "" {
			written, err := substituteQuietly(v.Value, func(n string) (string, bool) { s, ok := l.variables(environment)[n]; return s, ok })
			if err == nil {
				name = loader.NormalizeProjectName(written)
			}
		}
	}
	return name
}

// variables are what the compose files of an environment may interpolate.
func (l *load) variables(environment string) map[string]string {
	all := maps.Clone(l.dotenv)
	if all == nil {
		all = map[string]string{}
	}
	for i, file := range l.settings.environment(environment).EnvFile {
		maps.Copy(all, l.variablesOf(filepath.Join(l.dir, file), trail{"environments", environment, "env_file", fmt.Sprint(i)}))
	}
	if environment == Local {
		maps.Copy(all, l.options.Variables)
	}
	return all
}

// variablesOf reads a file of variables; it may be missing where nobody named it.
func (l *load) variablesOf(file string, named trail) map[string]string {
	b, err := os.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) && named == nil {
		return nil
	}
	if err != nil {
		l.add(l.settings.at(named, fmt.Sprintf("%s cannot be read: %s", relative(l.dir, file), reason(err)), "make it, or correct the path"))
		return nil
	}
	values, err := dotenv.UnmarshalBytesWithLookup(b, func(name string) (string, bool) { v, ok := l.options.Variables[name]; return v, ok })
	if err != nil {
		l.add(dotenvProblem(newSource(l.dir, file, b), err))
	}
	return values
}

var dotenvLine = regexp.MustCompile(`^line (\d+): (.*)$`)

// dotenvProblem has a position but no excerpt: such files hold secrets.
func dotenvProblem(src *source, err error) Problem {
	p := Problem{Severity: Error, File: src.name, Message: "this is no file of variables", Hint: "write NAME=value, one a line"}
	if m := dotenvLine.FindStringSubmatch(err.Error()); m != nil {
		fmt.Sscan(m[1], &p.Line)
	}
	return p
}

// environment reads what one environment runs.
func (l *load) environment(name string) (*Environment, error) {
	if err := l.ctx.Err(); err != nil {
		return nil, context.Cause(l.ctx)
	}
	own := l.settings.environment(name)
	env := &Environment{Name: name, Host: cmp.Or(own.Host, Local)}
	variables := l.variables(name)
	if name == l.project.Environment.Name || l.project.lookup == nil {
		l.project.lookup = func(n string) (string, bool) {
			return (&composeFiles{variables: variables, shell: l.options.Variables}).secretVariable(n)
		}
	}
	files := l.composeFiles(name)
	c := &converter{
		composeFiles: &composeFiles{
			findings: l.findings, dir: l.dir, name: l.project.Name, variables: variables, shell: l.options.Variables,
			profiles: l.profiles(name, variables),
		},
		env: env, builds: l.builds, contents: l.project.contents,
	}
	if len(files) == 0 && len(own.Compose) == 0 {
		c.dockerfileAlone(l.project.Name)
	} else {
		c.fromCompose(l.ctx, files)
	}
	if len(env.Services) > 0 {
		c.adjust(l.settings)
		c.checkPorts()
	}
	return env, nil
}

func (c *converter) fromCompose(ctx context.Context, files []string) {
	before := len(c.list.of(Error))
	c.read(files)
	if len(c.list.of(Error)) > before || !c.load(ctx) {
		return
	}
	c.judge()
	c.convert()
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
