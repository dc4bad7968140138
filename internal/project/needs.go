package project

import "slices"

// need is a service and the key of the stage that its image is.
type need struct{ service, stage string }

// needs are the services that the stages of one Dockerfile are for.
type needs struct {
	*Dockerfile
	index  map[string]int   // of stages, by key
	images map[int]bool     // stages, by index, that are images
	image  map[int][]string // by index of a stage: the services whose images need it
	check  map[int][]string // by index of another stage
}

func needsOf(d *Dockerfile, images []need) *needs {
	n := &needs{d, map[string]int{}, map[int]bool{}, map[int][]string{}, map[int][]string{}}
	for i, s := range d.Stages {
		n.index[s.Key] = i
	}
	for _, image := range images {
		n.add(image.stage, image.service)
		if i, known := n.index[image.stage]; known {
			n.images[i] = true
		}
	}
	return n
}

func (n *needs) add(key, service string) {
	i, known := n.index[key]
	if !known || slices.Contains(n.image[i], service) {
		return
	}
	n.image[i] = append(n.image[i], service)
	for _, e := range n.Stages[i].edges() {
		n.add(e.Stage, service)
	}
}

// of are the services that a stage is for: those whose images need it or, where none does, those that what it takes from is for, where
// that is for the fewest.
func (n *needs) of(stage int) []string {
	if services := n.image[stage]; len(services) > 0 {
		return services
	}
	if known, found := n.check[stage]; found {
		return known
	}
	n.check[stage] = n.Services // where stages wait for each other
	var few [][]string
	for _, e := range n.Stages[stage].edges() {
		i, known := n.index[e.Stage]
		if !known {
			continue
		}
		services := n.of(i)
		if few != nil && len(services) < len(few[0]) {
			few = nil
		}
		if few == nil || len(services) == len(few[0]) {
			few = append(few, services)
		}
	}
	if few != nil {
		n.check[stage] = inOrder(slices.Concat(few...))
	}
	return n.check[stage]
}

// edges are all that a stage takes from.
func (s *Stage) edges() []Edge { return append([]Edge{s.From}, s.Copies...) }
