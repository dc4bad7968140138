package cli

import (
	"bytes"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/moby/patternmatcher"
	"github.com/moby/patternmatcher/ignorefile"

	"github.com/seaworthyhq/seaworthy/internal/build/session"
	"github.com/seaworthyhq/seaworthy/internal/project"
)

// shipped are those of the paths, as seen from the project's directory, that a release has something of: builds are sent it, or
// replicas mount it. Files of variables and secrets are values and do not count.
func shipped(p *project.Project, contexts []buildContext, paths []string) []string {
	carried := p.CarriedPaths()
	return slices.DeleteFunc(slices.Clone(paths), func(path string) bool {
		path = filepath.Join(p.Dir, path)
		mounted := slices.ContainsFunc(carried, func(file string) bool { return within(path, file) })
		return !mounted && !slices.ContainsFunc(contexts, func(c buildContext) bool { return c.takes(path, p.GivesValues) })
	})
}

// buildContext is a folder that a build is sent, but for what its ignore file names.
type buildContext struct {
	dir    string
	ignore *patternmatcher.PatternMatcher
}

func contextsOf(p *project.Project) ([]buildContext, error) {
	var all []buildContext
	for _, d := range p.Dockerfiles {
		if !d.Remote {
			c, err := openContext(d.Context, d.Path)
			if err != nil {
				return nil, err
			}
			all = append(all, c)
		}
		for _, place := range d.NamedContexts {
			if !filepath.IsAbs(place) {
				continue
			}
			c, err := openContext(place, "")
			if err != nil {
				return nil, err
			}
			all = append(all, c)
		}
	}
	return all, nil
}

func openContext(dir, dockerfile string) (buildContext, error) {
	if dockerfile == "" {
		dockerfile = dir + "/" // no Dockerfile has an ignore file of its own: the context's holds
	}
	content, err := session.Ignore(dir, dockerfile)
	if err != nil {
		return buildContext{}, err
	}
	c := buildContext{dir: dir}
	patterns, err := ignorefile.ReadAll(bytes.NewReader(content))
	if err == nil {
		c.ignore, err = patternmatcher.New(patterns)
	}
	if err != nil {
		return c, fmt.Errorf("read ignore file of %s: %w", dir, err)
	}
	return c, nil
}

// takes reports whether a build is sent a file that is at the path or below it, those that are apart not counted.
func (c buildContext) takes(path string, apart func(string) bool) bool {
	if within(path, c.dir) {
		path = c.dir
	}
	if !within(c.dir, path) {
		return false
	}
	found := false
	if _, err := os.Lstat(path); err != nil { // what was removed is not sent: that is a difference, too
		return !c.ignores(path)
	}
	_ = filepath.WalkDir(path, func(at string, e fs.DirEntry, err error) error { // what cannot be read, the build will say
		if err != nil || at == filepath.Join(c.dir, session.State) {
			return fs.SkipDir
		}
		ignored := c.ignores(at)
		switch {
		case e.IsDir() && ignored && !c.hasExceptionBelow(at):
			return fs.SkipDir
		case e.IsDir() || ignored || apart(at):
			return nil
		}
		found = true
		return fs.SkipAll
	})
	return found
}

// hasExceptionBelow reports whether an exception of the ignore file may be about something below a folder: one with wildcards may be
// about anything.
func (c buildContext) hasExceptionBelow(dir string) bool {
	return slices.ContainsFunc(c.ignore.Patterns(), func(p *patternmatcher.Pattern) bool {
		exception := p.String()
		return p.Exclusion() && (strings.ContainsAny(exception, `*?[\`) || within(dir, filepath.Join(c.dir, exception)))
	})
}

func (c buildContext) ignores(path string) bool {
	rel, err := filepath.Rel(c.dir, path)
	if err != nil || rel == "." {
		return false
	}
	ignored, err := c.ignore.MatchesOrParentMatches(rel)
	return err == nil && ignored
}

// within reports whether a path is dir or below it.
func within(dir, path string) bool { return path == dir || strings.HasPrefix(path, dir+"/") }
