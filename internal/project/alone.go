package project

import (
	"cmp"
	"fmt"
	"path/filepath"
	"strings"

	"github.com/seaworthyhq/seaworthy/internal/release"
)

// dockerfileAlone makes the one service of a project without compose files: what the last stage says, published on the
// ports that it exposes.
func (c *converter) dockerfileAlone(name string) {
	file := filepath.Join(c.dir, "Dockerfile")
	src, p := readSource(c.dir, file)
	if p != nil {
		p.Hint = cmp.Or(p.Hint, fmt.Sprintf("make a Dockerfile or a compose.yaml, or go to the project's directory: %s is none", c.dir))
		c.add(*p)
		c.builds.incomplete = true
		return
	}
	d := c.builds.take(&Dockerfile{File: "Dockerfile", Path: file, Context: c.dir}, src, name, c.env.Name, c.findings)
	if len(d.Stages) == 0 {
		return // it has errors, which are reported
	}
	last := &d.Stages[len(d.Stages)-1]
	s := Service{
		Service: release.Service{Name: name, Replicas: 1, Networks: []release.Attachment{{Network: "default"}}},
		Build:   &BuildRef{Dockerfile: d.Key, Stage: last.Key, Target: last.Target},
	}
	c.adopt(last.Config, &s.Service)
	c.publish(&s.Service, src, last)
	c.checkProfiles()
	c.env.Services = []Service{s}
	c.env.Networks = []release.Network{{Name: "default"}}
	for _, m := range s.Mounts {
		c.env.Volumes = append(c.env.Volumes, release.Volume{Name: m.Source})
	}
}

// publish leads the ports of the host to those that the image exposes, by the same number.
func (c *converter) publish(s *release.Service, src *source, stage *Stage) {
	var published []string
	for _, e := range s.Expose {
		if e.Protocol != "tcp" {
			continue
		}
		s.Ports = append(s.Ports, release.Port{Published: e.Port, Target: e.Port, Protocol: e.Protocol})
		published = append(published, fmt.Sprint(e.Port))
	}
	p := src.problem(stage.lineOf("EXPOSE"), 1, 0, fmt.Sprintf("port %s of this machine leads to it, as EXPOSE says", strings.Join(published, ", ")), "to choose others, write a compose.yaml with ports:")
	if len(published) == 0 {
		p = src.problem(stage.Line, 1, 0, "no port leads to it: its last stage has no EXPOSE", "add EXPOSE, or write a compose.yaml with ports:")
	}
	p.Severity = Info
	c.add(p)
}
