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
			return &release.UserError{
				Kind: release.KindNotFound, Err: fmt.Errorf("no service %s in %s", name, s.Environment),
				Hint: "it has: " + strings.Join(known, ", "),
			}
		}
	}
	return nil
}

// services are the names of the environment's services: of what serves, of what is coming, and of what has replicas.
func (e *Engine) services(s state.Environment) []string {
	var names []string
	add := func(c release.Config) {
		for _, service := range c.Services {
			names = append(names, service.Name)
		}
	}
	if s.Serving != nil {
		add(s.Serving.Generation.Config)
	}
	if s.Pending != nil {
		add(s.Pending.Desired.Generation.Config)
	}
	for _, r := range e.runtime.Replicas(s.Environment) {
		names = append(names, r.Service)
	}
	slices.Sort(names)
	return slices.Compact(names)
}
