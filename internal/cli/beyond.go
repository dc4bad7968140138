package cli

import (
	"context"
	"maps"
	"path/filepath"
	"slices"
	"sync"

	"golang.org/x/sync/errgroup"

	"github.com/seaworthyhq/seaworthy/internal/git"
	"github.com/seaworthyhq/seaworthy/internal/project"
)

// beyond are the paths outside of the project's directory, as seen from it, that a release has something of and that are not as
// they are committed there, in whichever work tree; and those of them that git ignores.
func beyond(ctx context.Context, p *project.Project, contexts []buildContext) (dirty, ignored []string, err error) {
	sources := p.Sources()
	var mu sync.Mutex // guards dirty and ignored
	var group errgroup.Group
	for dir, names := range placesBeyond(p.Dir, contexts, sources) {
		group.Go(func() error {
			changed, hidden, err := git.Changes(ctx, dir, names...)
			mu.Lock()
			defer mu.Unlock()
			dirty, ignored = append(dirty, changed...), append(ignored, hidden...)
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return nil, nil, err
	}
	dirty = slices.DeleteFunc(dirty, func(path string) bool {
		return !slices.Contains(sources, path) && !slices.ContainsFunc(contexts, func(c buildContext) bool { return c.takes(path, noFile) })
	})
	return seenFrom(p.Dir, dirty), shipped(p, contexts, seenFrom(p.Dir, ignored)), nil
}

func noFile(string) bool { return false }

// placesBeyond are the places outside of a directory to ask git about: by folder, what in it.
func placesBeyond(dir string, contexts []buildContext, files []string) map[string][]string {
	places := map[string][]string{}
	for _, file := range files {
		if !within(dir, file) {
			in, name := filepath.Split(file)
			places[filepath.Clean(in)] = append(places[filepath.Clean(in)], name)
		}
	}
	for _, c := range contexts {
		if !within(dir, c.dir) {
			places[c.dir] = []string{"."}
		}
	}
	return places
}

// seenFrom are the paths outside of a directory, each once, as seen from there.
func seenFrom(dir string, paths []string) []string {
	all := map[string]bool{}
	for _, path := range paths {
		if rel, err := filepath.Rel(dir, path); err == nil && !within(dir, path) {
			all[rel] = true
		}
	}
	return slices.Sorted(maps.Keys(all))
}
