// Package graph turns a project into its release graph: which stages there are, what each is for, what waits for what,
// and which of them have to be asked for so that everything needed is built. It is pure: it reads nothing and builds
// nothing.
package graph

import (
	"cmp"
	"slices"

	"github.com/seaworthyhq/seaworthy/internal/event"
	"github.com/seaworthyhq/seaworthy/internal/project"
	"github.com/seaworthyhq/seaworthy/internal/release"
)

// Role says what a stage is for.
type Role string

// The roles.
const (
	Image     Role = "image"     // a service is built from it, or from what takes from it
	Check     Role = "check"     // built, and gates the release
	Lifecycle Role = "lifecycle" // seaworthy.yaml names it
	Other     Role = "other"     // listed, not built
)

// Graph is the stages of a project and what they take from each other.
type Graph struct {
	Nodes    []Node              `json:"nodes"` // Dockerfile by Dockerfile, in the order of the files
	Edges    []Edge              `json:"edges,omitempty"`
	Bases    []Base              `json:"bases,omitempty"` // sorted by Ref
	Warnings []project.Problem   `json:"warnings,omitempty"`
	index    map[string]int      // of Nodes, by key
	needs    map[string][]string // by key: the keys that it takes from, each once
	neededBy map[string][]string
}

// Node is a stage.
type Node struct {
	Key        string `json:"key"`
	Name       string `json:"name"`                 // of the stage
	Dockerfile string `json:"dockerfile,omitempty"` // its key
	Target     string `json:"target,omitempty"`     // what BuildKit takes; empty: the last stage
	Line       int    `json:"line"`
	Role       Role   `json:"role"`
	Why        string `json:"why"` // why it has this role, as a sentence without its full stop
	Built      bool   `json:"built"`
	// Skipped: seaworthy.yaml says so.
	Skipped bool `json:"skipped,omitempty"`
	// Services are those that are built from just this stage, sorted.
	Services []string `json:"services,omitempty"`
	// Reports are the paths of its files that are kept, if it is a check that is built, and Timeout is how long it may take.
	Reports []string         `json:"reports,omitempty"`
	Timeout release.Duration `json:"timeout,omitzero"`
	askable bool
	asked   bool // seaworthy.yaml says to run it
}

// Edge says that To takes from From.
type Edge struct {
	From string           `json:"from"`
	To   string           `json:"to"`
	Kind project.EdgeKind `json:"kind"`
	Line int              `json:"line"` // of To's instruction
}

// Base is an image from outside that stages begin with or take from.
type Base struct {
	Ref    string   `json:"ref"`
	Stages []string `json:"stages"` // keys
}

// Target is a stage that has to be asked for.
type Target struct {
	Key        string `json:"key"`
	Dockerfile string `json:"dockerfile,omitempty"` // its key
	Target     string `json:"target,omitempty"`     // what BuildKit takes; empty: the last stage
	Image      bool   `json:"image"`                // false: a check, of which the success and the reports count
	// Reports are the paths of its files that are kept.
	Reports []string `json:"reports,omitempty"`
}

// New makes the graph of all environments that a release of the project carries.
func New(p *project.Project) *Graph {
	g := &Graph{index: map[string]int{}, needs: map[string][]string{}, neededBy: map[string][]string{}}
	for _, d := range p.Dockerfiles {
		for _, s := range d.Stages {
			g.addStage(d, s)
		}
	}
	g.addServices(p)
	g.link()
	assign(g, p)
	g.warn(p)
	return g
}

func (g *Graph) addStage(d *project.Dockerfile, s project.Stage) {
	g.index[s.Key] = len(g.Nodes)
	g.Nodes = append(g.Nodes, Node{Key: s.Key, Name: s.Name, Dockerfile: d.Key, Target: s.Target, Line: s.Line, askable: s.CanBeAsked()})
	for _, e := range append([]project.Edge{s.From}, s.Copies...) {
		switch {
		case e.Stage != "":
			g.Edges = append(g.Edges, Edge{From: e.Stage, To: s.Key, Kind: e.Kind, Line: e.Line})
		case e.Image != "":
			g.addBase(e.Image, s.Key)
		}
	}
}

func (g *Graph) addBase(ref, stage string) {
	i, found := slices.BinarySearchFunc(g.Bases, ref, func(b Base, ref string) int { return cmp.Compare(b.Ref, ref) })
	if !found {
		g.Bases = slices.Insert(g.Bases, i, Base{Ref: ref})
	}
	if b := &g.Bases[i]; !slices.Contains(b.Stages, stage) {
		b.Stages = append(b.Stages, stage)
	}
}

func (g *Graph) addServices(p *project.Project) {
	for _, env := range p.Environments() {
		for _, s := range env.Services {
			if s.Build == nil {
				continue
			}
			n := g.Node(s.Build.Stage)
			if n != nil && !slices.Contains(n.Services, s.Name) {
				n.Services = append(n.Services, s.Name)
				slices.Sort(n.Services)
			}
		}
	}
}

func (g *Graph) link() {
	for _, e := range g.Edges {
		if !slices.Contains(g.needs[e.To], e.From) {
			g.needs[e.To] = append(g.needs[e.To], e.From)
			g.neededBy[e.From] = append(g.neededBy[e.From], e.To)
		}
	}
}

// Node returns the node with that key, or nil.
func (g *Graph) Node(key string) *Node {
	if i, ok := g.index[key]; ok {
		return &g.Nodes[i]
	}
	return nil
}

// reach is all that the stage takes from, directly or not, itself included.
func (g *Graph) reach(key string, into map[string]bool) {
	if into[key] {
		return
	}
	into[key] = true
	for _, next := range g.needs[key] {
		g.reach(next, into)
	}
}

// Targets is the smallest set of stages that has to be asked for: what services are built from, and the checks that none
// of the other targets has in it or that have reports, which nobody else would bring. Images come first.
func (g *Graph) Targets() []Target {
	var images, checks []Target
	for _, n := range g.Nodes {
		if len(n.Services) > 0 {
			images = append(images, n.target(true))
		}
	}
	for _, n := range g.Nodes {
		if n.Built && n.Role != Image && (len(n.Reports) > 0 || g.isLeaf(&n)) {
			checks = append(checks, n.target(false))
		}
	}
	return append(images, checks...)
}

func (n *Node) target(image bool) Target {
	return Target{Key: n.Key, Dockerfile: n.Dockerfile, Target: n.Target, Image: image, Reports: n.Reports}
}

// isLeaf reports whether nothing that is built needs the stage.
func (g *Graph) isLeaf(n *Node) bool {
	return !slices.ContainsFunc(g.neededBy[n.Key], func(k string) bool { return g.Node(k).Built })
}

// Skips are the checks that have to be skipped for a stage not to be built, as seaworthy.yaml names them; none if an image needs it.
func (g *Graph) Skips(key string) []string {
	if n := g.Node(key); n == nil || n.Role != Check || !n.Built {
		return nil
	}
	needing := map[string]bool{}
	g.reachUp(key, needing)
	var names []string
	for i := range g.Nodes {
		if n := &g.Nodes[i]; needing[n.Key] && n.Built && (g.isLeaf(n) || n.asked) {
			names = append(names, n.inSettings())
		}
	}
	return names
}

// reachUp is all that takes from the stage, directly or not, itself included.
func (g *Graph) reachUp(key string, into map[string]bool) {
	if into[key] {
		return
	}
	into[key] = true
	for _, next := range g.neededBy[key] {
		g.reachUp(next, into)
	}
}

// inSettings is how seaworthy.yaml names the stage.
func (n *Node) inSettings() string {
	if n.Dockerfile == "" {
		return n.Name
	}
	return n.Dockerfile + "/" + n.Name
}

// Event is the graph as it is shown.
func (g *Graph) Event() *event.Graph {
	out := &event.Graph{Steps: make([]event.Node, len(g.Nodes))}
	for i, n := range g.Nodes {
		name := n.Name
		if n.Dockerfile != "" {
			name = n.Dockerfile + "/" + n.Name
		}
		out.Steps[i] = event.Node{Key: n.Key, Name: name, Role: string(n.Role), Why: n.Why, After: slices.Clone(g.needs[n.Key]), Skip: !n.Built}
	}
	return out
}

// Skipped are the stages that are listed and not built, by key, with the reason.
func (g *Graph) Skipped() map[string]string {
	skipped := map[string]string{}
	for _, n := range g.Nodes {
		if !n.Built {
			skipped[n.Key] = n.Why
		}
	}
	return skipped
}
