// Package project reads what a directory says (Dockerfiles, compose files, seaworthy.yaml), validates it, and returns it as
// plain data. It reads files and nothing else: no network, no engine. All that is wrong is reported at once, each with
// its position and what to do.
package project

import (
	"fmt"
	"maps"
	"os"
	"slices"

	"github.com/seaworthyhq/seaworthy/internal/release"
)

// Local is the name of the environment on the machine of whoever works on the project. Only for this one do
// compose.override.yaml and the variables of the shell count.
const Local = "local"

// Project is what a directory says, read and validated. It holds no secret and travels as JSON.
type Project struct {
	Name string `json:"name"`
	Dir  string `json:"dir"` // absolute
	// Environment is the one that was asked for, Others are the further ones of seaworthy.yaml (never local), sorted by name:
	// a release carries the configuration of each.
	Environment Environment   `json:"environment"`
	Others      []Environment `json:"others,omitempty"`
	// Dockerfiles are parsed once for each distinct build; the main one (with an empty Key) comes first.
	Dockerfiles []*Dockerfile        `json:"dockerfiles,omitempty"`
	Checks      map[string]CheckRule `json:"checks,omitempty"` // by stage, what seaworthy.yaml says
	// Developer has the stages that files of other tools build, by step key, with the file: they are no checks.
	Developer map[string]string `json:"developer,omitempty"`
	Warnings  Problems          `json:"warnings,omitempty"` // warnings and infos

	contents map[release.Digest]content
	values   map[string]bool // files of variables, by their absolute paths
	sources  map[string]bool // what else it is made of, by absolute paths
	lookup   func(name string) (string, bool)
}

// Environment is a place where the project runs, with every value resolved.
type Environment struct {
	Name     string            `json:"name"`
	Host     string            `json:"host"`     // "local": the engine on this machine
	Services []Service         `json:"services"` // sorted by name
	Networks []release.Network `json:"networks,omitempty"`
	Volumes  []release.Volume  `json:"volumes,omitempty"`
	Secrets  []SecretSource    `json:"secrets,omitempty"` // those that services use, sorted by name
}

// Service is a service whose image is not known yet: it is either built or pulled.
type Service struct {
	release.Service
	Build      *BuildRef `json:"build,omitempty"`
	Ref        string    `json:"ref,omitempty"`        // the image as compose.yaml writes it
	PullPolicy string    `json:"pullPolicy,omitempty"` // as Compose has it: always, missing, never, build, daily, …
	Platform   string    `json:"platform,omitempty"`
}

// BuildRef names the stage that a service's image is.
type BuildRef struct {
	Dockerfile string `json:"dockerfile"`       // key
	Stage      string `json:"stage"`            // key of the step
	Target     string `json:"target,omitempty"` // what BuildKit takes; empty: the last stage
}

// SecretSource says where the value of a secret comes from. The value itself is never part of a project.
type SecretSource struct {
	Name     string `json:"name"`
	File     string `json:"file,omitempty"`     // absolute
	Variable string `json:"variable,omitempty"` // of the environment of whoever deploys
}

// Check is what seaworthy.yaml says about a stage. The zero value says nothing.
type Check string

// What can be said.
const (
	CheckSkip Check = "skip" // listed, not built
	CheckRun  Check = "run"  // gates although its name says that it is for developers
)

// CheckRule is all that seaworthy.yaml says about a stage. The zero value says nothing.
type CheckRule struct {
	Say     Check            `json:"say,omitempty"`
	Reports []string         `json:"reports,omitempty"` // files, folders and globs in the stage that are kept: absolute and clean
	Timeout release.Duration `json:"timeout,omitzero"`  // of what the stage runs; 0: none
}

// content is where the bytes of a release.File come from.
type content struct {
	path  string
	bytes []byte // where there is no path
}

// Config is the environment's part of a release, as far as it is known before the build: the images are empty.
func (e *Environment) Config() release.Config {
	c := release.Config{Networks: e.Networks, Volumes: e.Volumes}
	for _, s := range e.Services {
		c.Services = append(c.Services, s.Service)
	}
	return c
}

// Service returns the service of that name, or nil.
func (e *Environment) Service(name string) *Service {
	for i := range e.Services {
		if e.Services[i].Name == name {
			return &e.Services[i]
		}
	}
	return nil
}

// Environments are all that a release of this project carries, the one that was asked for first.
func (p *Project) Environments() []*Environment {
	all := []*Environment{&p.Environment}
	for i := range p.Others {
		all = append(all, &p.Others[i])
	}
	return all
}

// Dockerfile returns the one with that key, or nil.
func (p *Project) Dockerfile(key string) *Dockerfile {
	for _, d := range p.Dockerfiles {
		if d.Key == key {
			return d
		}
	}
	return nil
}

// Stage returns the stage with that step key, or nil.
func (p *Project) Stage(key string) *Stage {
	for _, d := range p.Dockerfiles {
		for i := range d.Stages {
			if d.Stages[i].Key == key {
				return &d.Stages[i]
			}
		}
	}
	return nil
}

// Files are the digests of all contents that the environments' services mount, each once, sorted.
func (p *Project) Files() []release.Digest {
	var all []release.Digest
	for d := range p.contents {
		all = append(all, d)
	}
	slices.Sort(all)
	return all
}

// CarriedPaths are the absolute paths of the files that services mount. Only the process that loaded the project can be asked.
func (p *Project) CarriedPaths() []string {
	var all []string
	for _, c := range p.contents {
		if c.path != "" {
			all = append(all, c.path)
		}
	}
	slices.Sort(all)
	return all
}

// Sources are the absolute paths of the files that the project is made of, but for what builds are sent. Only the
// process that loaded the project can be asked.
func (p *Project) Sources() []string {
	all := slices.Collect(maps.Keys(p.sources))
	all = slices.AppendSeq(all, maps.Keys(p.values))
	for _, d := range p.Dockerfiles {
		if d.Path != "" {
			all = append(all, d.Path)
		}
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// GivesValues reports whether a file, by its absolute path, is there for the values of variables or of a secret. Only the
// process that loaded the project can be asked.
func (p *Project) GivesValues(path string) bool {
	isSecret := func(s SecretSource) bool { return s.File == path }
	return p.values[path] ||
		slices.ContainsFunc(p.Environments(), func(e *Environment) bool { return slices.ContainsFunc(e.Secrets, isSecret) }) ||
		slices.ContainsFunc(p.Dockerfiles, func(d *Dockerfile) bool {
			return slices.ContainsFunc(d.Secrets, func(s BuildSecret) bool { return s.File == path })
		})
}

// Content returns the bytes of one of Files. It fails where the file has changed since the project was read. Only the
// process that loaded the project can be asked.
func (p *Project) Content(d release.Digest) ([]byte, error) {
	c, ok := p.contents[d]
	if !ok {
		return nil, fmt.Errorf("read content %s: the project has no such file", d.Short())
	}
	if c.path == "" {
		return c.bytes, nil
	}
	b, err := os.ReadFile(c.path)
	if err != nil {
		return nil, fmt.Errorf("read content %s: %w", d.Short(), err)
	}
	if release.DigestOf(b) != d {
		return nil, &release.UserError{
			Kind: release.KindConflict, Err: fmt.Errorf("read %s: it changed while it was being deployed", c.path),
			Hint: "run the same command again",
		}
	}
	return b, nil
}

// Secret reads the value of a secret. Only the process that loaded the project can be asked. No error holds the value.
func (p *Project) Secret(s SecretSource) ([]byte, error) {
	if s.File != "" {
		b, err := os.ReadFile(s.File)
		if err != nil {
			return nil, fmt.Errorf("read secret %s: %w", s.Name, err)
		}
		return b, nil
	}
	if p.lookup != nil {
		if v, ok := p.lookup(s.Variable); ok {
			return []byte(v), nil
		}
	}
	return nil, &release.UserError{
		Kind: release.KindProject, Err: fmt.Errorf("read secret %s: the variable %s is not set", s.Name, s.Variable),
		Hint: "set it, or write it into .env",
	}
}
