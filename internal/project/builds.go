package project

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/compose-spec/compose-go/v2/types"
	"github.com/docker/go-units"

	"github.com/seaworthyhq/seaworthy/internal/release"
)

// builds collects the Dockerfiles of all environments, each distinct build once.
type builds struct {
	dir   string
	known map[string]*Dockerfile // by what makes them distinct
	list  []*Dockerfile
	users map[*Dockerfile][]user
	// incomplete is that there may be more stages than are known, since something could not be read.
	incomplete bool
}

func (b *builds) clone() *builds {
	return &builds{dir: b.dir, known: maps.Clone(b.known), list: slices.Clone(b.list), users: maps.Clone(b.users), incomplete: b.incomplete}
}

// identity is all that decides what a Dockerfile makes.
func identity(d *Dockerfile) string {
	d2 := *d
	d2.Key, d2.Services, d2.VariantOf, d2.Stages = "", nil, "", nil
	b, err := json.Marshal(d2)
	if err != nil {
		panic(err) // plain data
	}
	return string(b)
}

// take returns the Dockerfile that equals d, parsed, for a service; a new one is named after the service that brought it until all
// are known (settle).
func (b *builds) take(d *Dockerfile, src *source, service, environment string, found *findings) *Dockerfile {
	if src != nil {
		d.Source = string(src.text)
	}
	id := identity(d)
	if b.known == nil {
		b.known, b.users = map[string]*Dockerfile{}, map[*Dockerfile][]user{}
	}
	if known := b.known[id]; known != nil {
		b.users[known] = append(slices.Clip(b.users[known]), user{service, environment})
		return known
	}
	b.users[d] = []user{{service, environment}}
	d.Key = b.key(d, service, environment)
	if src != nil {
		found.add(d.parseStages(src)...)
		b.incomplete = b.incomplete || len(d.Stages) == 0
	}
	b.known[id] = d
	b.list = append(b.list, d)
	return d
}

// key is empty for the first build of the Dockerfile in the project's directory, which makes that the main one.
func (b *builds) key(d *Dockerfile, service, environment string) string {
	taken := func(key string) bool {
		return slices.ContainsFunc(b.list, func(o *Dockerfile) bool { return o.Key == key })
	}
	switch {
	case d.Path == filepath.Join(b.dir, "Dockerfile") && !taken(""):
		return ""
	case !taken(service):
		return service
	case !taken(service + "@" + environment):
		return service + "@" + environment
	}
	return fmt.Sprintf("%s@%s-%d", service, environment, len(b.list))
}

// image settles where the service's image comes from.
func (c *converter) image(s types.ServiceConfig, out *Service) {
	if s.Build == nil {
		if s.Image == "" && s.Provider == nil {
			c.add(c.at(servicePath(s.Name), fmt.Sprintf("%s has neither image nor build", s.Name), "add image: NAME, or build: ."))
		}
		return
	}
	d, src := c.dockerfile(s)
	if d == nil {
		c.builds.incomplete = true
		return
	}
	d = c.builds.take(d, src, s.Name, c.env.Name, c.findings)
	stage := d.stageFor(s.Build.Target)
	if stage == nil {
		if len(d.Stages) > 0 { // else it has errors, which are reported
			c.add(c.at(servicePath(s.Name, "build", "target"), fmt.Sprintf("%s has no stage %q", d.File, s.Build.Target), "its stages are "+strings.Join(d.stageNames(), ", ")+didYouMean(s.Build.Target, d.stageNames())))
		}
		return
	}
	out.Build = &BuildRef{Dockerfile: d.Key, Stage: stage.Key, Target: stage.Target}
	c.adopt(stage.Config, &out.Service)
}

// stageFor is Stage, but of a remote Dockerfile whatever is asked for is taken to be there.
func (d *Dockerfile) stageFor(target string) *Stage {
	stage := d.Stage(target)
	if stage == nil && d.Remote {
		name := cmp.Or(target, "remote")
		d.Stages = append(d.Stages, Stage{Key: keyOf(d.Key, name), Name: name, Target: target, Last: target == "", Index: len(d.Stages)})
		stage = &d.Stages[len(d.Stages)-1]
	}
	return stage
}

// adopt takes over what a stage says about its image and the service does not.
func (c *converter) adopt(config StageConfig, out *release.Service) {
	own := out.Expose
	for _, e := range config.Expose {
		if !slices.Contains(own, e) {
			out.Expose = append(out.Expose, e)
		}
	}
	for _, target := range config.Volumes {
		mounted := slices.ContainsFunc(out.Mounts, func(m release.Mount) bool { return m.Target == filepath.Clean(target) })
		if !mounted {
			out.Mounts = append(out.Mounts, release.Mount{Kind: release.MountVolume, Source: anonymousVolume(out.Name, target), Target: filepath.Clean(target)})
		}
	}
	out.StopSignal = cmp.Or(out.StopSignal, config.StopSignal)
	switch {
	case config.Health == nil:
	case out.Health == nil:
		h := *config.Health
		out.Health = &h
	case len(out.Health.Test) == 0: // the service changes the times only
		out.Health.Test = config.Health.Test
	}
}

// dockerfile reads what build: says. Nil with a nil source: it cannot be read, which is reported.
func (c *converter) dockerfile(s types.ServiceConfig) (*Dockerfile, *source) {
	b := s.Build
	d := &Dockerfile{
		Context: b.Context, Args: arguments(b.Args), NamedContexts: b.AdditionalContexts, Secrets: c.buildSecrets(s), SSH: agents(b.SSH),
		Labels: b.Labels, ExtraHosts: hostMappings(b.ExtraHosts), ShmSize: int64(b.ShmSize), Ulimits: c.buildUlimits(s),
		NoCache: b.NoCache, NoCacheFilter: b.NoCacheFilter, Pull: b.Pull,
	}
	if b.Network == "none" {
		d.Network = b.Network
	}
	if isRemote(b.Context) {
		d.Remote, d.File = true, cmp.Or(b.Dockerfile, "Dockerfile")
		c.warn(c.at(servicePath(s.Name, "build", "context"), b.Context+" is read by the builder only, so its stages are not known: none of its checks is run", "build from a folder of this machine to have them checked"))
		return d, nil
	}
	if info, err := os.Stat(b.Context); err != nil || !info.IsDir() {
		c.add(c.at(servicePath(s.Name, "build", "context"), fmt.Sprintf("there is no folder %s", relative(c.dir, b.Context)), "make it, or correct the path"))
		return nil, nil
	}
	for name, dir := range b.AdditionalContexts {
		if info, err := os.Stat(dir); !isRemote(dir) && !strings.Contains(dir, ":") && (err != nil || !info.IsDir()) {
			c.add(c.at(servicePath(s.Name, "build", "additional_contexts", name), fmt.Sprintf("there is no folder %s", relative(c.dir, dir)), "make it, or correct the path"))
		}
	}
	return c.dockerfileSource(s, d)
}

// buildUlimits are limits that the builder can set: what it cannot read, it would blame on the Dockerfile.
func (c *converter) buildUlimits(s types.ServiceConfig) map[string]release.Ulimit {
	all := ulimits(s.Build.Ulimits)
	for _, name := range slices.Sorted(maps.Keys(all)) {
		limit := units.Ulimit{Name: name, Soft: all[name].Soft, Hard: all[name].Hard}
		if _, err := units.ParseUlimit(limit.String()); err != nil {
			c.add(c.at(servicePath(s.Name, "build", "ulimits", name), err.Error(), "builds take the limits of docker run --ulimit, such as nofile: {soft: 1024, hard: 2048}"))
		}
	}
	return all
}

func (c *converter) dockerfileSource(s types.ServiceConfig, d *Dockerfile) (*Dockerfile, *source) {
	if s.Build.DockerfileInline != "" {
		if s.Build.Dockerfile != "" {
			c.add(c.at(servicePath(s.Name, "build", "dockerfile"), "dockerfile and dockerfile_inline exclude each other", "remove one of the two"))
		}
		d.File = "services." + s.Name + ".build.dockerfile_inline"
		src := newSource(c.dir, d.File, []byte(s.Build.DockerfileInline))
		return d, src
	}
	d.Path = cmp.Or(s.Build.Dockerfile, "Dockerfile")
	if !filepath.IsAbs(d.Path) {
		d.Path = filepath.Join(d.Context, d.Path)
	}
	d.File = relative(c.dir, d.Path)
	src, p := readSource(c.dir, d.Path)
	switch {
	case p == nil:
		return d, src
	case p.Line > 0: // it is there
		c.add(*p)
	default:
		c.add(c.at(servicePath(s.Name, "build", "dockerfile"), fmt.Sprintf("%s: %s", d.File, p.Message), "make it, or say where it is with build.dockerfile"))
	}
	return nil, nil
}

func isRemote(context string) bool {
	for _, prefix := range []string{"https://", "http://", "git://", "git@", "ssh://", "github.com/"} {
		if strings.HasPrefix(context, prefix) {
			return true
		}
	}
	return false
}

func arguments(in types.MappingWithEquals) map[string]string {
	out := map[string]string{}
	for name, v := range in {
		if v != nil {
			out[name] = *v
		}
	}
	if len(out) == 0 {
		return nil
	}
	return out
}

func agents(in types.SSHConfig) []SSHAgent {
	var all []SSHAgent
	for _, key := range in {
		all = append(all, SSHAgent{ID: key.ID, Path: key.Path})
	}
	slices.SortFunc(all, func(a, b SSHAgent) int { return cmp.Compare(a.ID, b.ID) })
	return all
}

func (c *converter) buildSecrets(s types.ServiceConfig) []BuildSecret {
	var all []BuildSecret
	for _, use := range s.Build.Secrets {
		secret, ok := c.project.Secrets[use.Source]
		if !ok {
			c.reportUnknown(servicePath(s.Name, "build", "secrets"), use.Source, "secret", slices.Sorted(maps.Keys(c.project.Secrets)))
			continue
		}
		c.checkSecret(use.Source, secret)
		all = append(all, BuildSecret{ID: cmp.Or(use.Target, use.Source), File: secret.File, Env: secret.Environment})
	}
	slices.SortFunc(all, func(a, b BuildSecret) int { return cmp.Compare(a.ID, b.ID) })
	return all
}
