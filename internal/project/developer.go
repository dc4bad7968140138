package project

import (
	"path/filepath"
	"regexp"
	"slices"

	"github.com/seaworthyhq/seaworthy/internal/plainfile"
)

// Files of other tools that build stages for developers. What they target is no check.
var developerFiles = []string{
	"compose.override.yaml", "compose.override.yml", "docker-compose.override.yml", "docker-compose.override.yaml",
	"docker-bake.hcl", "docker-bake.json", "docker-bake.override.hcl", "docker-bake.override.json",
	".devcontainer.json", ".devcontainer/devcontainer.json", ".devcontainer/compose.yaml", ".devcontainer/docker-compose.yml",
}

// A target is written the same in YAML, JSON and HCL but for the quotes; a parser for each would find no more.
var targetWritten = regexp.MustCompile(`(?m)(?:^|[\s{,])"?target"?\s*[:=]\s*["']?([A-Za-z0-9][A-Za-z0-9_.-]*)`)

// developers finds the stages that those files target.
func (l *load) developers() {
	for _, name := range developerFiles {
		text, err := plainfile.Read(filepath.Join(l.dir, name))
		if err != nil {
			continue // almost always: it is not there
		}
		for _, m := range targetWritten.FindAllSubmatch(text, -1) {
			l.developer(string(m[1]), name)
		}
	}
}

func (l *load) developer(target, file string) {
	for _, d := range l.project.Dockerfiles {
		s := d.Stage(target)
		if s == nil || slices.ContainsFunc(l.project.Environments(), func(e *Environment) bool { return e.builds(s.Key) }) {
			continue
		}
		if l.project.Developer == nil {
			l.project.Developer = map[string]string{}
		}
		l.project.Developer[s.Key] = file
	}
}

func (e *Environment) builds(stage string) bool {
	return slices.ContainsFunc(e.Services, func(s Service) bool { return s.Build != nil && s.Build.Stage == stage })
}
