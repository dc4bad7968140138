package project

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/compose-spec/compose-go/v2/types"

	"github.com/seaworthyhq/seaworthy/internal/release"
)

// SettingsFile is the name of the file that Settings are read from.
const SettingsFile = "seaworthy.yaml"

// settings are what seaworthy.yaml says, with its document for positions; empty without the file.
type settings struct {
	Settings
	doc *document
}

// readSettings reports all that is wrong with the file. A key that is known but not built yet is an error that says so.
func readSettings(dir string, found *findings) *settings {
	s := &settings{}
	file := filepath.Join(dir, SettingsFile)
	if _, err := os.Lstat(file); err != nil {
		if wrong := filepath.Join(dir, "seaworthy.yml"); exists(wrong) {
			found.add(Problem{Severity: Error, File: "seaworthy.yml", Message: "the file's name is " + SettingsFile, Hint: "mv seaworthy.yml " + SettingsFile})
		}
		return s
	}
	src, p := readSource(dir, file)
	if p == nil {
		s.doc, p = parseDocument(src)
	}
	if p != nil {
		found.add(*p)
		return s
	}
	if s.doc.root == nil {
		return s
	}
	if values, usable := s.check(found); !usable {
		s.names(values)
		return s
	}
	if err := s.doc.root.Decode(&s.Settings); err != nil {
		found.add(s.doc.problem(0, 0, 0, err.Error(), ""))
	}
	s.checkHosts(found)
	return s
}

// check reports all that the schema forbids. What is wrong is left out, or read as it was likely meant, so that the rest can
// be looked at; the rest is not usable where that cannot be done.
func (s *settings) check(found *findings) (values any, usable bool) {
	usable, renamed := true, false
	values, _ = s.doc.decode(s.doc.root, func(p Problem) { found.add(p); usable = false })
	for _, v := range settingsShape().check(withoutEmpty(values)) {
		at, depth := s.doc.near(v.at)
		found.add(s.doc.problemAt(at, v.message, v.hint))
		switch {
		case s.doc.rename(at, v.meant):
			renamed = true
		case v.missing || depth < len(v.at) || namesEnvironment(v.at) || !s.doc.leaveOut(at):
			usable = false
		}
	}
	if renamed && usable {
		return s.check(found)
	}
	return values, usable
}

// namesEnvironment reports whether an environment would be gone without what is at p.
func namesEnvironment(p trail) bool { return len(p) == 0 || p[0] == "environments" && len(p) < 3 }

// withoutEmpty leaves out keys with nothing after their colon. An environment or service with nothing is one without
// settings.
func withoutEmpty(values any) any {
	m, ok := values.(map[string]any)
	if !ok {
		return values
	}
	out := maps.Clone(m)
	maps.DeleteFunc(out, func(_ string, v any) bool { return v == nil })
	for _, key := range []string{"environments", "services"} {
		entries, ok := out[key].(map[string]any)
		if !ok {
			continue
		}
		filled := make(map[string]any, len(entries))
		for name, v := range entries {
			if filled[name] = withoutEmpty(v); v == nil {
				filled[name] = map[string]any{}
			}
		}
		out[key] = filled
	}
	return out
}

// names keeps what is needed to go on and find the other files' problems too.
func (s *settings) names(values any) {
	top, _ := values.(map[string]any)
	s.Name, _ = top["name"].(string)
	environments, _ := top["environments"].(map[string]any)
	s.Environments = map[string]*EnvironmentSettings{}
	for name := range environments {
		s.Environments[name] = &EnvironmentSettings{}
	}
}

func exists(file string) bool {
	_, err := os.Stat(file)
	return err == nil
}

// checkHosts lets through what can run an environment today.
func (s *settings) checkHosts(found *findings) {
	for _, name := range slices.Sorted(maps.Keys(s.Environments)) {
		e := s.environment(name)
		if !release.IsEnvironmentName(name) {
			found.add(s.at(trail{"environments", name}, fmt.Sprintf("%q cannot be the name of an environment", name), release.EnvironmentNames))
		}
		scheme, _, remote := strings.Cut(e.Host, "://")
		switch {
		case e.Host == "" || e.Host == Local:
		case remote && slices.Contains([]string{"ssh", "docker", "kubernetes"}, scheme):
			found.add(s.at(trail{"environments", name, "host"}, fmt.Sprintf("hosts over %s:// are known but not built yet", scheme), "write host: local and run Seaworthy on that machine"))
		default:
			found.add(s.at(trail{"environments", name, "host"}, fmt.Sprintf("there is no host %q", e.Host), "write host: local"))
		}
	}
}

// environment is never nil; one without an entry has no settings.
func (s *settings) environment(name string) *EnvironmentSettings {
	if e := s.Environments[name]; e != nil {
		return e
	}
	return &EnvironmentSettings{}
}

func (s *settings) at(p trail, message, hint string) Problem {
	if s.doc == nil {
		return Problem{Severity: Error, Message: message, Hint: hint}
	}
	n, _ := s.doc.near(p)
	return s.doc.problemAt(n, message, hint)
}

// adjust applies environments.*.services to what the compose files say.
func (c *converter) adjust(s *settings) {
	for _, name := range slices.Sorted(maps.Keys(s.environment(c.env.Name).Services)) {
		own := s.environment(c.env.Name).Services[name]
		at := trail{"environments", c.env.Name, "services", name}
		service := c.env.Service(name)
		if service == nil {
			c.add(s.at(at, fmt.Sprintf("there is no service %q in %s", name, c.env.Name), "name one of its services"+didYouMean(name, serviceNames(c.env))))
			continue
		}
		if own == nil {
			continue
		}
		if own.Replicas != nil {
			service.Replicas = *own.Replicas
		}
		if own.Ports != nil {
			service.Ports = c.ownPorts(s, at.with("ports"), own.Ports)
		}
	}
}

func (c *converter) ownPorts(s *settings, at trail, written []string) []release.Port {
	var all []release.Port
	for i, each := range written {
		here := at.with(fmt.Sprint(i))
		ports, err := types.ParsePortConfig(each)
		if err != nil {
			c.add(s.at(here, fmt.Sprintf("%q is no port: %v", each, err), `write "80:8080", or "127.0.0.1:80:8080"`))
		}
		for _, port := range ports {
			p := release.Port{HostIP: port.HostIP, Target: int(port.Target), Protocol: port.Protocol}
			publish(&p, port.Published) // it has been parsed
			all = append(all, p)
		}
	}
	return all
}

func serviceNames(e *Environment) []string {
	var names []string
	for _, s := range e.Services {
		names = append(names, s.Name)
	}
	return names
}
