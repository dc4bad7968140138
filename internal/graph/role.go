package graph

import (
	"fmt"
	"strings"

	"github.com/seaworthyhq/seaworthy/internal/project"
)

// assign gives each stage its role. A stage that no image needs and that something else takes from follows those: it is
// built if one of them is.
func assign(g *Graph, p *project.Project) {
	r := &roles{Graph: g, project: p, imageFor: map[string]string{}, done: map[string]bool{}}
	r.images()
	for i := range g.Nodes {
		r.settle(&g.Nodes[i])
	}
}

type roles struct {
	*Graph
	project  *project.Project
	imageFor map[string]string // by key: the first service that needs the stage
	done     map[string]bool
}

func (r *roles) images() {
	for _, n := range r.Nodes {
		if len(n.Services) == 0 {
			continue
		}
		reached := map[string]bool{}
		r.reach(n.Key, reached)
		for key := range reached {
			if r.imageFor[key] == "" {
				r.imageFor[key] = n.Services[0]
			}
		}
	}
}

// settle decides about one stage, after those that take from it. Stages that wait for each other are no project: Load
// has refused them.
func (r *roles) settle(n *Node) {
	if r.done[n.Key] {
		return
	}
	r.done[n.Key] = true
	for _, key := range r.neededBy[n.Key] {
		r.settle(r.Node(key))
	}
	n.Role, n.Why = r.role(n)
	n.Built = n.Role != Other && !n.Skipped
	if rule := r.project.Rule(n.Dockerfile, n.Name); n.Role == Check && n.Built {
		n.Reports, n.Timeout, n.asked = rule.Reports, rule.Timeout, rule.Say == project.CheckRun
	}
}

func (r *roles) role(n *Node) (role Role, why string) {
	if len(n.Services) > 0 {
		return Image, areBuilt(n.Services) + " from it"
	}
	if service := r.imageFor[n.Key]; service != "" {
		return Image, fmt.Sprintf("the image of %s needs it", service)
	}
	switch setting(r.project, n) {
	case project.CheckSkip:
		if by := r.builtDependent(n); by != "" {
			return Check, fmt.Sprintf("%s needs it, although seaworthy.yaml says to skip it", by)
		}
		n.Skipped = true
		return Check, "skipped by seaworthy.yaml"
	case project.CheckRun:
		return Check, "seaworthy.yaml says to run it"
	}
	if len(r.neededBy[n.Key]) > 0 {
		return r.follow(n)
	}
	return r.leaf(n)
}

// setting is what seaworthy.yaml says about a stage.
func setting(p *project.Project, n *Node) project.Check { return p.Rule(n.Dockerfile, n.Name).Say }

func skipped(p *project.Project, n *Node) bool { return setting(p, n) == project.CheckSkip }

func (r *roles) builtDependent(n *Node) string {
	for _, key := range r.neededBy[n.Key] {
		if other := r.Node(key); other.Built {
			return other.Name
		}
	}
	return ""
}

func (r *roles) follow(n *Node) (Role, string) {
	if by := r.builtDependent(n); by != "" {
		return Check, fmt.Sprintf("%s needs it", by)
	}
	return Other, fmt.Sprintf("only %s needs it, which is not built", r.Node(r.neededBy[n.Key][0]).Name)
}

func (r *roles) leaf(n *Node) (Role, string) {
	switch file := r.project.Developer[n.Key]; {
	case file != "":
		return Other, file + " builds it"
	case strings.HasPrefix(n.Name, "dev"), strings.HasPrefix(n.Name, "debug"):
		return Other, "its name says it is for developers"
	}
	return Check, "no image needs it"
}

func areBuilt(services []string) string {
	if len(services) == 1 {
		return services[0] + " is built"
	}
	return strings.Join(services[:len(services)-1], ", ") + " and " + services[len(services)-1] + " are built"
}

// warn is about stages that are not what they seem to be.
func (g *Graph) warn(p *project.Project) {
	for _, d := range p.Dockerfiles {
		warning := d.Warnings()
		for _, s := range d.Stages {
			n := g.Node(s.Key)
			switch {
			case n.Role == Check && n.Built && !s.Config.Runs && g.isLeaf(n):
				n.Idle = true
				g.Warnings = append(g.Warnings, warning(s.Line, fmt.Sprintf("the check %s runs nothing while it is built, so it proves nothing", n.Name),
					fmt.Sprintf("let RUN do the work instead of CMD, or write checks: {%s: skip} into %s", n.FullName(), project.SettingsFile)))
			case n.Role == Image && skipped(p, n):
				g.Warnings = append(g.Warnings, warning(s.Line, fmt.Sprintf("%s cannot be skipped: %s", n.Name, n.Why), "remove it from checks in "+project.SettingsFile))
			case n.Role == Image && len(p.Rule(n.Dockerfile, n.Name).Reports) > 0:
				g.Warnings = append(g.Warnings, warning(s.Line, fmt.Sprintf("the reports of %s are not kept, since it is no check: %s", n.Name, n.Why),
					fmt.Sprintf("let a stage of its own run the tests: FROM %s AS test", n.Name)))
			}
		}
	}
}
