package engine

import (
	"fmt"
	"slices"
	"strings"

	"github.com/seaworthyhq/seaworthy/internal/release"
	"github.com/seaworthyhq/seaworthy/internal/state"
)

// knowService is an error that names the services there are, unless these are among them.
func (e *Engine) knowService(s state.Environment, names ...string) error {
	known := e.services(s)
	if len(known) == 0 && len(names) > 0 {
		return nothingServes(s.Environment)
	}
	for _, name := range names {
		if !slices.Contains(known, name) {
			return unknownService(name, s.Environment, known)
		}
	}
	return nil
}

func unknownService(name string, env release.Environment, known []string) error {
	return &release.UserError{
		Kind: release.KindNotFound, Err: fmt.Errorf("no service %s in %s", name, env), Hint: "it has: " + strings.Join(known, ", "),
	}
}

// services are the names of the environment's services: of what serves, of what is coming, and of what has replicas.
func (e *Engine) services(s state.Environment) []string {
	var names []string
	if s.Serving != nil {
		names = serviceNames(s.Serving.Generation.Config)
	}
	if s.Pending != nil {
		names = append(names, serviceNames(s.Pending.Desired.Generation.Config)...)
	}
	for _, r := range e.runtime.Replicas(s.Environment) {
		names = append(names, r.Service)
	}
	slices.Sort(names)
	return slices.Compact(names)
}

func serviceNames(c release.Config) []string {
	var names []string
	for _, service := range c.Services {
		names = append(names, service.Name)
	}
	return names
}
