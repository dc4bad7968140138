package project

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/compose-spec/compose-go/v2/types"

	"github.com/seaworthyhq/seaworthy/internal/release"
)

// dependencies are sorted by name. Those on services that no profile has chosen count only if they are required.
func (c *converter) dependencies(s types.ServiceConfig) []release.Dependency {
	var all []release.Dependency
	for _, name := range slices.Sorted(maps.Keys(s.DependsOn)) {
		d := s.DependsOn[name]
		if _, runs := c.project.Services[name]; !runs {
			if d.Required {
				c.reportDependency(s, name)
			}
			continue
		}
		all = append(all, release.Dependency{
			Service: name, Condition: release.Condition(cmp.Or(d.Condition, types.ServiceConditionStarted)), Required: d.Required, Restart: d.Restart,
		})
	}
	return all
}

func (c *converter) reportDependency(s types.ServiceConfig, name string) {
	at := c.item(servicePath(s.Name, "depends_on"), name, "", "")
	if doc, n := c.locate(servicePath(s.Name, "depends_on", name)); doc != nil && n != nil && n.Value == name {
		at = doc.problemAt(n, "", "")
	}
	at.Message = fmt.Sprintf("%s depends on %q, which is no service", s.Name, name)
	at.Hint = "name one of the services" + didYouMean(name, slices.Sorted(maps.Keys(c.project.Services)))
	if other, ok := c.project.DisabledServices[name]; ok {
		at.Message = fmt.Sprintf("%s depends on %q, which no chosen profile has", s.Name, name)
		at.Hint = fmt.Sprintf("choose the profile %s, or write required: false", oneOf(other.Profiles))
	}
	c.add(at)
}

// markOneShots finds the services that others wait for to end.
func (c *converter) markOneShots() {
	for _, s := range c.env.Services {
		for _, d := range s.DependsOn {
			if d.Condition != release.Completed {
				continue
			}
			one := c.env.Service(d.Service)
			one.OneShot = true
			if one.Restart.Condition == "" {
				one.Restart.Condition = "none"
			}
		}
	}
}

func (c *converter) checkCycles() {
	after := map[string][]string{}
	for _, s := range c.env.Services {
		for _, d := range s.DependsOn {
			after[s.Name] = append(after[s.Name], d.Service)
		}
	}
	if found := findCycle(after); found != nil {
		c.add(c.at(servicePath(found[0], "depends_on"), "services wait for each other: "+strings.Join(found, " → "), "remove one of these dependencies"))
	}
}
