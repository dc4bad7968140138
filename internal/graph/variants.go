package graph

import (
	"slices"

	"github.com/seaworthyhq/seaworthy/internal/project"
)

// place is where a stage is written. Stages with one place differ in what they are built with.
type place struct {
	file  int // the number of the Dockerfile with its context
	index int // of the stage
}

// addStages adds the stages of all Dockerfiles, those of one file by their lines, whatever it is built with. What several builds
// make alike is there once.
func (g *Graph) addStages(p *project.Project) {
	for file, rest := 0, p.Dockerfiles; len(rest) > 0; file++ {
		builds := 1
		for builds < len(rest) && rest[builds].SameFile(rest[0]) {
			builds++
		}
		stages := 0
		for _, d := range rest[:builds] {
			stages = max(stages, len(d.Stages))
		}
		for i := range stages {
			for _, d := range rest[:builds] {
				if i < len(d.Stages) && g.Node(d.Stages[i].Key) == nil {
					g.addStage(p, d, &d.Stages[i], place{file, i})
				}
			}
		}
		rest = rest[builds:]
	}
}

// leaveOutUnasked removes what nobody asks for: the image of one service with the arguments of another, and checks of that, where
// the checks of the images themselves are there.
func (g *Graph) leaveOutUnasked(forImages func(key string) bool) {
	is := map[place][]string{} // keys
	for _, n := range g.Nodes {
		is[n.place] = append(is[n.place], n.Key)
	}
	if len(is) == len(g.Nodes) {
		return
	}
	u := unasked{Graph: g, is: is, forImages: forImages, known: map[string]bool{}}
	kept := map[string]bool{}
	for i := range g.Nodes {
		if n := &g.Nodes[i]; !u.inVain(n) || !u.elsewhere(n) {
			g.reach(n.Key, kept)
		}
	}
	g.keep(kept)
}

type unasked struct {
	*Graph
	is        map[place][]string
	forImages func(key string) bool
	known     map[string]bool // by key: inVain
}

// unneeded reports whether only images with other arguments need the stage.
func (u unasked) unneeded(n *Node) bool {
	return !u.forImages(n.Key) && slices.ContainsFunc(u.is[n.place], u.forImages)
}

// inVain reports whether a stage is, or takes from, one that only images with other arguments need.
func (u unasked) inVain(n *Node) bool {
	vain, known := u.known[n.Key]
	if known {
		return vain
	}
	vain = u.unneeded(n)
	for _, key := range u.needs[n.Key] {
		vain = vain || u.inVain(u.Node(key))
	}
	u.known[n.Key] = vain
	return vain
}

// elsewhere reports whether the same stage is not in vain with other arguments, and checks there all of the images that it does here.
func (u unasked) elsewhere(n *Node) bool {
	here, there := map[string]bool{}, map[string]bool{}
	u.checks(n, here)
	found := false
	for _, key := range u.is[n.place] {
		if other := u.Node(key); !u.inVain(other) {
			found = true
			u.checks(other, there)
		}
	}
	for key, image := range here {
		found = found && (!image || there[key])
	}
	return found
}

// checks adds what a stage takes from, directly or by way of what no image needs, with whether an image needs it. What goes into an
// image that nobody asks for does not count.
func (u unasked) checks(n *Node, into map[string]bool) {
	if _, known := into[n.Key]; known || u.unneeded(n) {
		return
	}
	if into[n.Key] = u.forImages(n.Key); into[n.Key] {
		return
	}
	for _, key := range u.needs[n.Key] {
		u.checks(u.Node(key), into)
	}
}

// keep removes all other stages.
func (g *Graph) keep(kept map[string]bool) {
	if len(kept) == len(g.Nodes) {
		return
	}
	nodes, edges := g.Nodes, g.Edges
	g.Nodes, g.Edges = g.Nodes[:0:0], nil
	g.index, g.needs, g.neededBy = map[string]int{}, map[string][]string{}, map[string][]string{}
	for _, n := range nodes {
		if kept[n.Key] {
			g.index[n.Key] = len(g.Nodes)
			g.Nodes = append(g.Nodes, n)
		}
	}
	for _, e := range edges {
		if kept[e.To] {
			g.Edges = append(g.Edges, e)
		}
	}
	g.link()
}
