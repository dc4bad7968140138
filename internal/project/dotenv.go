package project

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"path/filepath"
	"regexp"
	"strconv"

	"github.com/compose-spec/compose-go/v2/dotenv"

	"github.com/seaworthyhq/seaworthy/internal/plainfile"
)

// variables are what the compose files of an environment may interpolate. Those of the shell count for local only, also
// where a file of variables uses one.
func (l *load) variables(environment string) map[string]string {
	if known, ok := l.known[environment]; ok {
		return known
	}
	var shell map[string]string
	if environment == Local {
		shell = l.options.Variables
	}
	all := map[string]string{}
	maps.Copy(all, l.variablesOf(filepath.Join(l.dir, ".env"), nil, shell))
	for i, file := range l.settings.environment(environment).EnvFile {
		maps.Copy(all, l.variablesOf(filepath.Join(l.dir, file), trail{"environments", environment, "env_file", fmt.Sprint(i)}, shell))
	}
	maps.Copy(all, shell)
	l.known[environment] = all
	return all
}

// variablesOf reads a file of variables; it may be missing where nobody named it.
func (l *load) variablesOf(file string, named trail, shell map[string]string) map[string]string {
	l.project.values[file] = true
	b, err := plainfile.Read(file)
	if errors.Is(err, fs.ErrNotExist) && named == nil {
		return nil
	}
	if err != nil {
		l.add(l.settings.at(named, fmt.Sprintf("%s cannot be read: %s", relative(l.dir, file), reason(err)), "make it, or correct the path"))
		return nil
	}
	src := newSource(l.dir, file, b)
	if p := src.noText(); p != nil {
		l.add(*p)
		return nil
	}
	values, err := dotenv.UnmarshalBytesWithLookup(b, func(name string) (string, bool) { v, ok := shell[name]; return v, ok })
	if err != nil {
		l.add(dotenvProblem(src, err))
	}
	return values
}

var dotenvLine = regexp.MustCompile(`^line (\d+): (.*)$`)

// dotenvProblem has a position but no excerpt: such files hold secrets.
func dotenvProblem(src *source, err error) Problem {
	p := Problem{Severity: Error, File: src.name, Message: "this is no file of variables", Hint: "write NAME=value, one a line"}
	if m := dotenvLine.FindStringSubmatch(err.Error()); m != nil {
		p.Line, _ = strconv.Atoi(m[1]) // digits, as the pattern says
	}
	return p
}
