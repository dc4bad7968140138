package cli

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/seaworthyhq/seaworthy/internal/build/session"
	"github.com/seaworthyhq/seaworthy/internal/project"
	"github.com/seaworthyhq/seaworthy/internal/release"
)

// sourceGroup is what the engine may read while it builds some Dockerfiles.
type sourceGroup struct {
	sources     session.Sources
	dockerfiles []*project.Dockerfile
}

// groupSources puts together Dockerfiles for which the engine may read the same.
func groupSources(p *project.Project) ([]*sourceGroup, error) {
	var groups []*sourceGroup
	for _, d := range p.Dockerfiles {
		src, err := sourcesOf(p, d)
		if err != nil {
			return nil, err
		}
		i := slices.IndexFunc(groups, func(g *sourceGroup) bool { return g.sources.Reads(src) })
		if i < 0 {
			groups, i = append(groups, &sourceGroup{sources: src}), len(groups)
		}
		maps.Copy(groups[i].sources.Reports, src.Reports)
		groups[i].dockerfiles = append(groups[i].dockerfiles, d)
	}
	return groups, nil
}

// sourcesOf is what the engine may read while it builds a Dockerfile.
func sourcesOf(p *project.Project, d *project.Dockerfile) (session.Sources, error) {
	src := session.Sources{Dirs: map[string]string{}, Secrets: map[string][]byte{}, SSH: map[string][]string{}}
	if !d.Remote {
		src.Dirs[session.ContextDir] = d.Context
	}
	for name, place := range d.NamedContexts {
		if filepath.IsAbs(place) {
			src.Dirs[name] = place
		}
	}
	src.Project, src.Reports = p.Dir, reportsOf(p, d)
	for _, s := range d.Secrets {
		value, err := buildSecret(p, s)
		if err != nil {
			return src, err
		}
		src.Secrets[s.ID] = value
	}
	for _, agent := range d.SSH {
		src.SSH[agent.ID] = nil
		if agent.Path != "" {
			src.SSH[agent.ID] = strings.Split(agent.Path, ",")
		}
	}
	return src, nil
}

// reportsOf are the folders that the reports of a Dockerfile's checks go into, by step key.
func reportsOf(p *project.Project, d *project.Dockerfile) map[string]string {
	dirs := map[string]string{}
	for i := range d.Stages {
		s := &d.Stages[i]
		if dir := project.ReportsDir(s.Prefix, s.Name); dir != "" && len(p.Rule(s).Reports) > 0 {
			dirs[s.Key] = dir
		}
	}
	return dirs
}

func buildSecret(p *project.Project, s project.BuildSecret) ([]byte, error) {
	if s.File != "" {
		value, err := os.ReadFile(s.File)
		if err != nil {
			return nil, &release.UserError{Kind: release.KindProject, Err: fmt.Errorf("read build secret %s: %w", s.ID, err)}
		}
		return value, nil
	}
	return p.Secret(project.SecretSource{Name: s.ID, Variable: s.Env})
}
