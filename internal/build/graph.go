package build

import (
	"fmt"
	"slices"

	"github.com/containerd/platforms"
	"github.com/moby/buildkit/solver/pb"
	"github.com/opencontainers/go-digest"

	"github.com/seaworthyhq/seaworthy/internal/event"
)

// graph is a definition that is about to be solved, as far as progress and failures need it.
type graph struct {
	nodes  []node // inputs before what they go into
	result digest.Digest
	file   string
}

// node is one operation; its digest is that of the vertex in the solver's status.
type node struct {
	digest digest.Digest
	raw    []byte // as it is defined
	inputs []digest.Digest
	source string         // what it fetches, "docker-image://…", where it fetches something
	on     string         // the platform that it is for, where it is said
	name   string         // as the frontend calls it
	places []place        // in the Dockerfile; more than one where two instructions are the same
	meta   *pb.OpMetadata // how it is to be solved
}

// place is a range of lines, from 1.
type place struct{ first, last int }

func readGraph(def *pb.Definition) (graph, error) {
	var g graph
	for _, raw := range def.Def {
		var op pb.Op
		if err := op.UnmarshalVT(raw); err != nil {
			return graph{}, fmt.Errorf("read build definition: %w", err)
		}
		if op.Op == nil { // the last one only says which output is meant
			if len(op.Inputs) > 0 {
				g.result = digest.Digest(op.Inputs[0].Digest)
			}
			continue
		}
		n := node{digest: digest.FromBytes(raw), raw: raw, source: op.GetSource().GetIdentifier()}
		if p := op.GetPlatform(); p != nil {
			n.on = platforms.FormatAll(p.Spec())
		}
		for _, in := range op.Inputs {
			n.inputs = append(n.inputs, digest.Digest(in.Digest))
		}
		if md := def.Metadata[n.digest.String()]; md != nil {
			n.name, n.meta = md.Description["llb.customname"], md
		}
		n.places = places(def.Source, n.digest)
		g.nodes = append(g.nodes, n)
	}
	if def.Source != nil && len(def.Source.Infos) > 0 {
		g.file = def.Source.Infos[0].Filename
	}
	return g, nil
}

func places(src *pb.Source, dgst digest.Digest) []place {
	if src == nil {
		return nil
	}
	var all []place
	for _, loc := range src.Locations[dgst.String()].GetLocations() {
		var at place
		for _, r := range loc.GetRanges() {
			start, end := int(r.Start.GetLine()), int(r.End.GetLine())
			if at.first == 0 || start < at.first {
				at.first = start
			}
			at.last = max(at.last, start, end)
		}
		if at.first > 0 && !slices.Contains(all, at) {
			all = append(all, at)
		}
	}
	return all
}

// isOnly reports whether the definition fetches that source and does nothing else.
func (g graph) isOnly(source string) bool {
	return len(g.nodes) == 1 && g.nodes[0].source == source
}

// located reports whether the definition comes from the lines of a Dockerfile.
func (g graph) located() bool {
	for _, n := range g.nodes {
		if len(n.places) > 0 {
			return true
		}
	}
	return false
}

// placed tells, for each node, where the stages that it belongs to have it: where it is written, otherwise where those are
// that use it.
func (g graph) placed(lines stageLines) map[digest.Digest][]event.Place {
	all := make(map[digest.Digest][]event.Place, len(g.nodes))
	for _, n := range slices.Backward(g.nodes) {
		if len(n.places) > 0 {
			all[n.digest] = lines.places(n.places) // those that use it are other stages
		} else if all[n.digest] = inOrder(all[n.digest]); n.image() != "" {
			all[n.digest] = lines.naming(n.image(), all[n.digest])
		}
		for _, in := range n.inputs {
			all[in] = append(all[in], all[n.digest]...)
		}
	}
	return all
}
