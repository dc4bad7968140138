package pipeline

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"github.com/distribution/reference"

	"github.com/seaworthyhq/seaworthy/internal/build"
	"github.com/seaworthyhq/seaworthy/internal/event"
	"github.com/seaworthyhq/seaworthy/internal/graph"
	"github.com/seaworthyhq/seaworthy/internal/project"
	"github.com/seaworthyhq/seaworthy/internal/release"
)

// requests are what has to be built: one for each Dockerfile, with all that differ from it in nothing but arguments and labels.
func requests(in Input, g *graph.Graph) []build.Request {
	var all []build.Request
	for _, d := range in.Project.Dockerfiles {
		if d.VariantOf != "" {
			continue // it is with the one before it
		}
		if req, ok := request(in, g, variantsOf(in.Project, d)); ok {
			all = append(all, req)
		}
	}
	return all
}

// variantsOf are a Dockerfile and those that differ from it in nothing but arguments and labels.
func variantsOf(p *project.Project, d *project.Dockerfile) []*project.Dockerfile {
	all := []*project.Dockerfile{d}
	for _, o := range p.Dockerfiles {
		if o.VariantOf != "" && o.VariantOf == d.Key {
			all = append(all, o)
		}
	}
	return all
}

// request is what has to be built of a Dockerfile with these variants; false if nothing has.
func request(in Input, g *graph.Graph, variants []*project.Dockerfile) (build.Request, bool) {
	d := variants[0]
	req := build.Request{
		Key:           d.Key,
		Session:       in.Sessions[d.Key],
		Filename:      d.File,
		Args:          d.Args,
		Labels:        d.Labels,
		NamedContexts: namedContexts(d),
		ExtraHosts:    map[string]string{},
		Network:       d.Network,
		NoCache:       in.NoCache || d.NoCache,
		NoCacheFilter: d.NoCacheFilter,
		ShmSize:       d.ShmSize,
		Ulimits:       d.Ulimits,
		Pull:          in.Pull || d.Pull,
		Ignore:        in.Ignores[d.Key],
		Before:        in.Before,
	}
	if d.Remote {
		req.Context = d.Context
	}
	if d.Source != "" {
		req.Dockerfile = []byte(d.Source)
	}
	for _, h := range d.ExtraHosts {
		req.ExtraHosts[h.Host] = h.Address
	}
	for _, s := range d.Secrets {
		req.Secrets = append(req.Secrets, s.ID)
	}
	req.Stages, req.Takes = stages(g, d), takes(d)
	for _, v := range variants[1:] {
		req.Variants = append(req.Variants, build.Variant{Args: v.Args, Labels: v.Labels, Stages: stages(g, v), Takes: takes(v)})
	}
	for _, t := range g.Targets() {
		variant := slices.IndexFunc(variants, func(v *project.Dockerfile) bool { return v.Key == t.Dockerfile })
		if variant >= 0 {
			req.Targets = append(req.Targets, target(in, t, variant))
		}
	}
	return req, len(req.Targets) > 0
}

// stages are those of a Dockerfile that the graph has.
func stages(g *graph.Graph, d *project.Dockerfile) []build.Stage {
	var all []build.Stage
	for _, s := range d.Stages {
		if g.Node(s.Key) != nil {
			all = append(all, stage(g, d, s))
		}
	}
	return all
}

// stage says where a stage is and what holds for it, and if it is built what images it names, also those by the name of a context.
func stage(g *graph.Graph, d *project.Dockerfile, s project.Stage) build.Stage {
	n := g.Node(s.Key)
	out := build.Stage{
		Key: s.Key, Name: s.FullName(), Index: s.Index, Line: s.Line, EndLine: s.End, Built: n.Built,
		Timeout: time.Duration(n.Timeout), Skips: g.Skips(s.Key),
	}
	if !n.Built {
		return out
	}
	for _, e := range append([]project.Edge{s.From}, s.Copies...) {
		if ref := cmp.Or(e.Image, imageOf(d.NamedContexts[e.Context])); ref != "" {
			out.Images = append(out.Images, build.ImageUse{Ref: ref, Line: e.Line})
		}
	}
	return out
}

// imageOf is the image that a named context stands for, if it does.
func imageOf(place string) string {
	ref, ok := strings.CutPrefix(place, "docker-image://")
	if !ok {
		return ""
	}
	return ref
}

// takes are the stages that each stage takes from, by index; nil where the builder alone reads the Dockerfile.
func takes(d *project.Dockerfile) [][]int {
	if d.Remote {
		return nil
	}
	index := map[string]int{}
	for _, s := range d.Stages {
		index[s.Key] = s.Index
	}
	all := make([][]int, len(d.Stages))
	for i, s := range d.Stages {
		for _, e := range append([]project.Edge{s.From}, s.Copies...) {
			if e.Stage != "" {
				all[i] = append(all[i], index[e.Stage])
			}
		}
	}
	return all
}

func target(in Input, t graph.Target, variant int) build.Target {
	out := build.Target{Key: t.Key, Stage: t.Target, Variant: variant, Image: t.Image, Reports: t.Reports, ReportsDir: t.ReportsDir}
	if t.Image {
		out.Name = in.ImageName(t.Key)
	}
	return out
}

// namedContexts says where the session has the folders; what is no folder BuildKit finds itself.
func namedContexts(d *project.Dockerfile) map[string]string {
	all := map[string]string{}
	for name, place := range d.NamedContexts {
		if strings.HasPrefix(place, "/") {
			place = "local:" + name
		}
		all[name] = place
	}
	return all
}

// pinned is a reference with the digest it stood for.
func pinned(ref string, img release.Image) string {
	named, err := reference.ParseDockerRef(ref)
	if err != nil {
		return ref
	}
	return reference.TrimNamed(named).Name() + "@" + string(img.Digest)
}

// renamed tells of a pull under the name that the project gives the image.
func renamed(sink event.Sink, asked, ref string) event.Sink {
	if asked == ref {
		return sink
	}
	rename := func(key string) string {
		if key == "pull:"+asked {
			return "pull:" + ref
		}
		return key
	}
	return event.SinkFunc(func(e event.Event) {
		if e.Step != nil {
			step := *e.Step
			step.Key = rename(step.Key)
			e.Step = &step
		}
		if e.Instruction != nil {
			in := *e.Instruction
			in.Steps = nil
			for _, key := range e.Instruction.Steps {
				in.Steps = append(in.Steps, rename(key))
			}
			e.Instruction = &in
		}
		sink.Emit(e)
	})
}
