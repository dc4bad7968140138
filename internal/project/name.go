package project

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/compose-spec/compose-go/v2/loader"

	"github.com/seaworthyhq/seaworthy/internal/release"
)

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

// NameOf is the name that Load gives the project of a directory and the environment that it chooses where none is asked for,
// without reading the rest of it.
func NameOf(dir string) (name, environment string, err error) {
	l, err := begin(context.Background(), Options{Dir: dir})
	if err != nil {
		return "", "", err
	}
	if l.isNone() {
		return "", "", l.none()
	}
	if environment, err = l.chooseEnvironment(); err != nil {
		return "", "", err
	}
	l.nameProject(environment)
	return l.project.Name, environment, nil
}

// isNone reports whether nothing in the directory makes it a project.
func (l *load) isNone() bool {
	return l.settings.doc == nil && l.composeFiles(Local) == nil && l.first("Dockerfile") == nil
}

func (l *load) none() error {
	return &release.UserError{
		Kind: release.KindUsage, Err: fmt.Errorf("find project: %s has no Dockerfile, no compose file and no %s", l.dir, SettingsFile),
		Hint: "go to the project's directory, name it with -C DIR, or name what runs: -e project/environment",
	}
}

// HasEnvironment is nil where the project of a directory has an environment of that name, and else the error that Load has.
func HasEnvironment(dir, name string) error {
	l, err := begin(context.Background(), Options{Dir: dir, Environment: name})
	if err == nil {
		_, err = l.chooseEnvironment()
	}
	return err
}

// sanitize makes a name of a folder's: in lower case, of letters, digits, - and _.
func sanitize(folder string) string {
	name := strings.Trim(notInProjectName.ReplaceAllString(strings.ToLower(folder), "-"), "-_")
	return cmp.Or(name, "project")
}

// composeName is the last name that the compose files give. Variables of the shell do not count for it: a project keeps
// its name whoever looks at it.
func (l *load) composeName(environment string) string {
	name := ""
	variables := l.variablesOf(filepath.Join(l.dir, ".env"), nil, nil)
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
			written, err := substituteQuietly(v.Value, func(n string) (string, bool) { s, ok := variables[n]; return s, ok })
			if err == nil {
				name = loader.NormalizeProjectName(written)
			}
		}
	}
	return name
}
