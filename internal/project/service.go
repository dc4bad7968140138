package project

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/compose-spec/compose-go/v2/types"

	"github.com/seaworthyhq/seaworthy/internal/plainfile"
	"github.com/seaworthyhq/seaworthy/internal/release"
)

// converter turns the merged compose files into an Environment.
type converter struct {
	*composeFiles
	env      *Environment
	asked    bool // it is the one that was asked for
	builds   *builds
	contents map[release.Digest]content
	values   map[string]bool // of the project, and so sources
	sources  map[string]bool
}

func (c *converter) convert() {
	c.resolveFiles()
	c.checkDefinitions()
	names := slices.Sorted(maps.Keys(c.project.Services))
	for _, name := range names {
		c.env.Services = append(c.env.Services, c.service(c.project.Services[name]))
	}
	c.markOneShots()
	c.checkCycles()
	c.joinAliases()
	c.networks()
	c.volumes()
	c.secretSources()
	c.checkProfiles()
	if len(names) == 0 {
		c.add(c.at(trail{"services"}, "no service is left to run", "give services: an entry, or choose one of their profiles"))
	}
}

// checkProfiles warns of profiles that were chosen and that no service has.
func (c *converter) checkProfiles() {
	if !c.asked {
		return
	}
	var known []string
	if c.project != nil { // there is a compose file
		for _, s := range c.project.AllServices() {
			known = append(known, s.Profiles...)
		}
	}
	slices.Sort(known)
	known = slices.Compact(known)
	for _, name := range c.profiles {
		if name == "*" || slices.Contains(known, name) {
			continue
		}
		hint := "no service has any"
		if len(known) > 0 {
			hint = "there are: " + strings.Join(known, ", ") + didYouMean(name, known)
		}
		c.warn(Problem{Message: fmt.Sprintf("no service has the profile %q", name), Hint: hint})
	}
}

// checkDefinitions reports configs and secrets that come from nowhere, or from two places.
func (c *converter) checkDefinitions() {
	for _, name := range slices.Sorted(maps.Keys(c.project.Configs)) {
		if config := c.project.Configs[name]; !bool(config.External) {
			c.checkDefinition(trail{"configs", name}, "file", "content", "environment")
		}
	}
	for _, name := range slices.Sorted(maps.Keys(c.project.Secrets)) {
		if secret := c.project.Secrets[name]; !bool(secret.External) && secret.Driver == "" {
			c.checkDefinition(trail{"secrets", name}, "file", "environment")
		}
	}
}

func (c *converter) checkDefinition(at trail, keys ...string) {
	var set []string
	for _, key := range keys {
		if c.written(at.with(key)) != nil {
			set = append(set, key)
		}
	}
	switch {
	case len(set) == 0:
		c.add(c.at(at, fmt.Sprintf("%s says not where it comes from", last(at)), "add "+oneOf(keys)))
	case len(set) > 1:
		c.add(c.at(at, fmt.Sprintf("%s has both %s", last(at), strings.Join(set, " and ")), "remove all but one"))
	}
}

func servicePath(name string, more ...string) trail { return trail{"services", name}.with(more...) }

// resolveFiles reads env_file and label_file, after it has reported the missing ones at their place.
func (c *converter) resolveFiles() {
	before := len(c.list.errors())
	for _, s := range c.project.Services {
		for _, f := range s.EnvFiles {
			c.values[f.Path] = true
			if err := plainfile.Check(f.Path); errors.Is(err, plainfile.ErrNotRegular) || err != nil && bool(f.Required) {
				c.add(c.item(servicePath(s.Name, "env_file"), baseName(f.Path), whyNot(c.dir, f.Path, err), "make it, or write {path: …, required: false}"))
			} else if _, p := readSource(c.dir, f.Path); err == nil && p != nil {
				c.add(*p)
			}
		}
		for _, f := range s.LabelFiles {
			c.sources[f] = true
			if err := plainfile.Check(f); err != nil {
				c.add(c.item(servicePath(s.Name, "label_file"), baseName(f), whyNot(c.dir, f, err), "make it, or remove the line"))
			}
		}
	}
	if len(c.list.errors()) > before {
		return
	}
	resolved, err := c.project.WithServicesEnvironmentResolved(true)
	if err == nil {
		resolved, err = resolved.WithServicesLabelsResolved(true)
	}
	if err != nil {
		c.fail(err)
		return
	}
	c.project = resolved
}

func (c *converter) service(s types.ServiceConfig) Service {
	out := Service{Ref: s.Image, PullPolicy: s.PullPolicy, Platform: s.Platform}
	out.Service = release.Service{
		Name: s.Name, Entrypoint: s.Entrypoint, Command: s.Command, Environment: c.environment(s),
		User: s.User, GroupAdd: s.GroupAdd, WorkingDir: s.WorkingDir, Hostname: s.Hostname, Labels: s.Labels,
		Init: s.Init != nil && *s.Init, TTY: s.Tty, StdinOpen: s.StdinOpen, ReadOnly: s.ReadOnly,
		Privileges: c.privileges(s), Ulimits: ulimits(s.Ulimits), Sysctls: s.Sysctls, ShmSize: int64(s.ShmSize), Resources: c.resources(s),
		Networks: attachments(s), ExtraHosts: hostMappings(s.ExtraHosts), DependsOn: c.dependencies(s),
		Ports: c.ports(s), Expose: c.expose(s), Health: c.health(s), StopSignal: s.StopSignal,
		Restart: c.restart(s), Replicas: c.replicas(s),
	}
	out.MayListen = s.Build != nil && len(s.Command)+len(s.Entrypoint) > 0 && len(out.Ports)+len(out.Expose) == 0
	if s.StopGracePeriod != nil {
		out.StopGrace = release.Duration(*s.StopGracePeriod)
	}
	if s.Deploy != nil {
		out.Update = c.updatePolicy(s.Name, "update_config", s.Deploy.UpdateConfig)
		out.Rollback = c.updatePolicy(s.Name, "rollback_config", s.Deploy.RollbackConfig)
	}
	c.mounts(s, &out.Service)
	c.configs(s, &out.Service)
	c.secrets(s, &out.Service)
	c.image(s, &out)
	return out
}

// environment keeps what has a value. A variable that is passed on from a shell that does not count is told apart from one
// that nobody has set.
func (c *converter) environment(s types.ServiceConfig) map[string]string {
	values := map[string]string{}
	for name, v := range s.Environment {
		if name == "" {
			c.add(c.at(servicePath(s.Name, "environment"), "a variable has no name", "write NAME=value"))
		} else if strings.ContainsAny(name, "=\x00") {
			c.add(c.item(servicePath(s.Name, "environment"), name, fmt.Sprintf("%q cannot be the name of a variable", name), "write NAME=value in a list, NAME: value in a mapping"))
		}
		if v != nil {
			values[name] = *v
			continue
		}
		if _, inShell := c.shell[name]; inShell && c.env.Name != Local {
			c.warn(c.item(servicePath(s.Name, "environment"), name, fmt.Sprintf("%s has no value in %s: your shell has one, but it counts for %s only", name, c.env.Name, Local), "write the value into .env or into an env_file of the environment"))
		}
	}
	if len(values) == 0 {
		return nil
	}
	return values
}

func (c *converter) health(s types.ServiceConfig) *release.Health {
	h := s.HealthCheck
	if h == nil {
		return nil
	}
	if h.Disable {
		return &release.Health{Test: []string{"NONE"}}
	}
	if len(h.Test) > 0 && !slices.Contains([]string{"NONE", "CMD", "CMD-SHELL"}, h.Test[0]) {
		c.add(c.at(servicePath(s.Name, "healthcheck", "test"), fmt.Sprintf("a health test cannot begin with %q", h.Test[0]), `begin the list with "CMD" or "CMD-SHELL", or write the command as text`))
	}
	out := &release.Health{
		Test: h.Test, Interval: duration(h.Interval), Timeout: duration(h.Timeout),
		StartPeriod: duration(h.StartPeriod), StartInterval: duration(h.StartInterval),
	}
	if h.Retries != nil {
		out.Retries = int(*h.Retries)
	}
	return out
}

func duration(d *types.Duration) release.Duration {
	if d == nil {
		return 0
	}
	return release.Duration(*d)
}

func hostMappings(hosts types.HostsList) []release.HostMapping {
	var all []release.HostMapping
	for _, host := range slices.Sorted(maps.Keys(hosts)) {
		for _, address := range hosts[host] {
			all = append(all, release.HostMapping{Host: host, Address: address})
		}
	}
	return all
}

func (c *converter) secretSources() {
	used := map[string]bool{}
	for _, s := range c.env.Services {
		for _, secret := range s.Secrets {
			used[secret.Name] = true
		}
	}
	for _, name := range slices.Sorted(maps.Keys(used)) {
		s := c.project.Secrets[name]
		c.env.Secrets = append(c.env.Secrets, SecretSource{Name: name, File: s.File, Variable: s.Environment})
	}
}

func baseName(p string) string { return p[strings.LastIndex(p, "/")+1:] }

func number(s string) (int, bool) {
	n, err := strconv.ParseUint(s, 10, 16)
	return int(n), err == nil && n > 0
}
