package cli

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/seaworthyhq/seaworthy/internal/build/session"
	"github.com/seaworthyhq/seaworthy/internal/project"
	"github.com/seaworthyhq/seaworthy/internal/release"
)

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
	for _, s := range d.Stages {
		if dir := project.ReportsDir(d.Key, s.Name); dir != "" && len(p.Rule(d.Key, s.Name).Reports) > 0 {
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
