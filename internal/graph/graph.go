// Package graph turns a project into its release graph: which stages there are, what each is for, what waits for what,
// and which of them have to be asked for so that everything needed is built. It is pure: it reads nothing and builds
// nothing.
package graph

import (
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
	Lifecycle Role = "lifecycle" // seaworthy.yaml names it; no setting does yet
	Other     Role = "other"     // listed, not built
)

// Graph is the stages of a project and what they take from where.
type Graph struct {
	Project  string              `json:"project"`            // its name
	Nodes    []Node              `json:"nodes"`              // the stages, Dockerfile by Dockerfile, in the order of the files
	Edges    []Edge              `json:"edges,omitempty"`    // in the order of the files
	Warnings []project.Problem   `json:"warnings,omitempty"` // about stages that are not what they seem to be
	index    map[string]int      // of Nodes, by key
	needs    map[string][]string // by key: the keys that it takes from, each once
	neededBy map[string][]string
}

// Node is a stage.
type Node struct {
	Key  string `json:"key"`  // "stage:builder", or "stage:api/builder" with the prefix "api"
	Name string `json:"name"` // of the stage
	// Prefix stands before the name where there are others of that name: the services that the stage is for, as "api+web".
	Prefix     string `json:"prefix,omitempty"`
	Dockerfile string `json:"dockerfile,omitempty"` // the key of what it is built of; of several that build the same, the first
	File       string `json:"file"`                 // the Dockerfile, for people
	Target     string `json:"target,omitempty"`     // what BuildKit takes: name or index; empty: the last stage
	Line       int    `json:"line,omitempty"`       // of its FROM, from 1; none where only the builder reads the Dockerfile
	EndLine    int    `json:"endLine,omitempty"`    // of its last instruction
	Role       Role   `json:"role"`                 // what it is for
	Why        string `json:"why"`                  // why it has this role, as a sentence without its full stop
	Built      bool   `json:"built"`                // false: listed only
	Skipped    bool   `json:"skipped,omitempty"`    // not built, because seaworthy.yaml says so
	Idle       bool   `json:"idle,omitempty"`       // a check that runs nothing while it is built, so it proves nothing
	// Services are those that are built from just this stage, sorted.
	Services []string `json:"services,omitempty"`
	// Reports are the paths of its files that are kept, if it is a check that is built, and Timeout is how long it may take.
	Reports []string          `json:"reports,omitempty"`
	Timeout release.Duration  `json:"timeout,omitzero"`
	asked   bool              // seaworthy.yaml says to run it
	rule    project.CheckRule // what it says at all
	runs    bool              // building it does something
	place   place             // where it is written
}

// FullName is the stage's name with its prefix, if it has one: as seaworthy.yaml takes it.
func (n *Node) FullName() string {
	if n.Prefix == "" {
		return n.Name
	}
	return n.Prefix + "/" + n.Name
}

// Edge says what a stage takes from somewhere: exactly one of From, Image and Context is set. A stage without an edge of the
// kind "from" begins with nothing: FROM scratch.
type Edge struct {
	To      string           `json:"to"`                // key of the stage that takes
	Kind    project.EdgeKind `json:"kind"`              // how it takes
	From    string           `json:"from,omitempty"`    // key of the stage that it takes from
	Image   string           `json:"image,omitempty"`   // or the image, as it is after ARGs
	Context string           `json:"context,omitempty"` // or the name of an additional context
	Line    int              `json:"line"`              // of the instruction that takes
	OnBuild bool             `json:"onBuild,omitempty"` // by an ONBUILD of the stage that it is built FROM
}

// Target is a stage that has to be asked for.
type Target struct {
	Key        string `json:"key"`
	Dockerfile string `json:"dockerfile,omitempty"` // its key
	Target     string `json:"target,omitempty"`     // what BuildKit takes; empty: the last stage
	Image      bool   `json:"image"`                // false: a check, of which the success and the reports count
	// Reports are the paths of its files that are kept, and ReportsDir is where, from the project's folder.
	Reports    []string `json:"reports,omitempty"`
	ReportsDir string   `json:"reportsDir,omitempty"`
}

// New makes the graph of all environments that a release of the project carries.
func New(p *project.Project) *Graph {
	g := &Graph{Project: p.Name, Nodes: []Node{}, index: map[string]int{}, needs: map[string][]string{}, neededBy: map[string][]string{}}
	g.addStages(p)
	g.addServices(p)
	g.link()
	assign(g, p)
	g.warn(p)
	return g
}

func (g *Graph) addStage(p *project.Project, d *project.Dockerfile, s *project.Stage, at place) {
	g.index[s.Key] = len(g.Nodes)
	g.Nodes = append(g.Nodes, Node{
		Key: s.Key, Name: s.Name, Prefix: s.Prefix, Dockerfile: d.Key, File: d.File, Target: s.Target, Line: s.Line, EndLine: s.End,
		rule: p.Rule(s), runs: s.Config.Runs, place: at,
	})
	for _, e := range append([]project.Edge{s.From}, s.Copies...) {
		if e.Stage != "" || e.Image != "" || e.Context != "" {
			g.Edges = append(g.Edges, Edge{To: s.Key, Kind: e.Kind, From: e.Stage, Image: e.Image, Context: e.Context, Line: e.Line, OnBuild: e.OnBuild})
		}
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
	linked := map[[2]string]bool{}
	for _, e := range g.Edges {
		if pair := [2]string{e.To, e.From}; e.From != "" && !linked[pair] {
			linked[pair] = true
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

// Targets are the stages that have to be asked for: what services are built from, and all checks that run something, since only of
// what was asked for all is known that it leaves, reports and tests. Images come first.
func (g *Graph) Targets() []Target {
	var images, checks []Target
	for _, n := range g.Nodes {
		if len(n.Services) > 0 {
			images = append(images, n.target(true))
		}
	}
	for _, n := range g.Nodes {
		if n.Built && n.Role != Image && (n.runs || len(n.Reports) > 0 || g.isLeaf(&n)) {
			checks = append(checks, n.target(false))
		}
	}
	return append(images, checks...)
}

func (n *Node) target(image bool) Target {
	t := Target{Key: n.Key, Dockerfile: n.Dockerfile, Target: n.Target, Image: image, Reports: n.Reports}
	if len(t.Reports) > 0 {
		t.ReportsDir = project.ReportsDir(n.Prefix, n.Name)
	}
	return t
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
			names = append(names, n.FullName())
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

// Event is the graph as it is shown.
func (g *Graph) Event() *event.Graph {
	out := &event.Graph{Steps: make([]event.Node, len(g.Nodes))}
	for i, n := range g.Nodes {
		out.Steps[i] = event.Node{
			Key: n.Key, Name: n.FullName(), Role: string(n.Role), Why: n.Why, After: slices.Clone(g.needs[n.Key]), Skip: !n.Built,
			File: n.File, Line: n.Line, EndLine: n.EndLine, Services: slices.Clone(n.Services), Idle: n.Idle,
			Reports: n.target(false).ReportsDir,
		}
	}
	for _, e := range g.Edges {
		to := &out.Steps[g.index[e.To]]
		to.From = append(to.From, event.Edge{Kind: string(e.Kind), Step: e.From, Image: e.Image, Context: e.Context, Line: e.Line})
	}
	return out
}
