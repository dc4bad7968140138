package graph

import (
	"fmt"
	"slices"
	"strings"

	"github.com/seaworthyhq/seaworthy/internal/phrase"
	"github.com/seaworthyhq/seaworthy/internal/project"
)

// assign gives each stage its role. A stage that no image needs and that something else takes from follows those: it is
// built if one of them is.
func assign(g *Graph, p *project.Project) {
	r := &roles{Graph: g, project: p, imageFor: map[string][]string{}, done: map[string]bool{}}
	r.images()
	g.leaveOutUnasked(func(key string) bool { return len(r.imageFor[key]) > 0 })
	for i := range g.Nodes {
		r.settle(&g.Nodes[i])
	}
}

type roles struct {
	*Graph
	project  *project.Project
	imageFor map[string][]string // by key: the services that need the stage
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
			r.imageFor[key] = append(r.imageFor[key], n.Services...)
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
	if n.Role == Check && n.Built {
		n.Reports, n.Timeout, n.asked = n.rule.Reports, n.rule.Timeout, n.rule.Say == project.CheckRun
	}
}

func (r *roles) role(n *Node) (role Role, why string) {
	if len(n.Services) > 0 {
		return Image, areBuilt(n.Services) + " from it"
	}
	if services := r.imageFor[n.Key]; len(services) > 0 {
		return Image, imagesNeed(services) + " it"
	}
	switch n.rule.Say {
	case project.CheckSkip:
		if by := r.dependents(n, true); len(by) > 0 {
			return Check, need(by) + " it, although seaworthy.yaml says to skip it"
		}
		n.Skipped = true
		return Check, "seaworthy.yaml says to skip it"
	}
	if role, why = r.unsaid(n); role != Check && n.rule.Say == project.CheckRun {
		return Check, "seaworthy.yaml says to run it"
	}
	return role, why
}

// unsaid is what a stage that no image needs is where nothing is said about it.
func (r *roles) unsaid(n *Node) (Role, string) {
	if len(r.neededBy[n.Key]) > 0 {
		return r.follow(n)
	}
	return r.leaf(n)
}

// dependents names what takes from a stage, of what is built or of what is not.
func (r *roles) dependents(n *Node, built bool) (names []string) {
	for _, key := range r.neededBy[n.Key] {
		if other := r.Node(key); other.Built == built {
			names = append(names, other.nameBeside(n))
		}
	}
	return names
}

func (r *roles) follow(n *Node) (Role, string) {
	if by := r.dependents(n, true); len(by) > 0 {
		return Check, need(by) + " it"
	}
	by := r.dependents(n, false)
	are := "are"
	if len(by) == 1 {
		are = "is"
	}
	return Other, fmt.Sprintf("only %s it, which %s not built", need(by), are)
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

// nameBeside is the stage's name where another one speaks of it.
func (n *Node) nameBeside(other *Node) string {
	if n.Prefix == other.Prefix {
		return n.Name
	}
	return n.FullName()
}

func areBuilt(services []string) string {
	if len(services) == 1 {
		return services[0] + " is built"
	}
	return several(services) + " are built"
}

func imagesNeed(services []string) string {
	slices.Sort(services)
	if services = slices.Compact(services); len(services) == 1 {
		return "the image of " + services[0] + " needs"
	}
	return "the images of " + several(services) + " need"
}

// need says that these stages do, of what they take from.
func need(stages []string) string {
	if len(stages) == 1 {
		return stages[0] + " needs"
	}
	return several(stages) + " need"
}

// several names services or stages, the first ones where there are many.
func several(names []string) string {
	const most = 3
	if more := len(names) - most; more > 0 {
		return phrase.And(names[:most-1], more+1)
	}
	return phrase.And(names, 0)
}

// checkOf is a name for a check of a stage, which has to be another one.
func checkOf(stage string) string {
	if strings.EqualFold(stage, "test") {
		return "check"
	}
	return "test"
}

// warn is about stages that are not what they seem to be.
func (g *Graph) warn(p *project.Project) {
	for _, d := range p.Dockerfiles {
		warning := d.Warnings()
		for _, s := range d.Stages {
			n := g.Node(s.Key)
			if n == nil || n.Dockerfile != d.Key {
				continue // another build of the Dockerfile has it
			}
			switch {
			case n.Role == Check && n.Built && !s.Config.Runs && g.isLeaf(n):
				n.Idle = true
				g.Warnings = append(g.Warnings, warning(s.Line, fmt.Sprintf("the check %s runs nothing while it is built, so it proves nothing", n.FullName()),
					fmt.Sprintf("let RUN do the work instead of CMD, or write checks: {%s: skip} into %s", n.FullName(), project.SettingsFile)))
			case n.Role == Check && n.Built && n.rule.Say == project.CheckSkip:
				g.Warnings = append(g.Warnings, warning(s.Line, fmt.Sprintf("the check %s is built: %s", n.FullName(), n.Why),
					fmt.Sprintf("skip %s, too, or remove %s from checks in %s", phrase.And(g.Skips(n.Key), 0), n.FullName(), project.SettingsFile)))
			case n.Role == Image && n.rule.Say == project.CheckSkip:
				g.Warnings = append(g.Warnings, warning(s.Line, fmt.Sprintf("%s cannot be skipped: %s", n.FullName(), n.Why), "remove it from checks in "+project.SettingsFile))
			case n.Role == Image && len(n.rule.Reports) > 0:
				g.Warnings = append(g.Warnings, warning(s.Line, fmt.Sprintf("the reports of %s are not kept, since it is no check: %s", n.FullName(), n.Why),
					fmt.Sprintf("let a stage of its own run the tests: FROM %s AS %s", n.Name, checkOf(n.Name))))
			}
		}
	}
}
