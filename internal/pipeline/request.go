package pipeline

import (
	"cmp"
	"strings"
	"time"

	"github.com/distribution/reference"

	"github.com/seaworthyhq/seaworthy/internal/build"
	"github.com/seaworthyhq/seaworthy/internal/event"
	"github.com/seaworthyhq/seaworthy/internal/graph"
	"github.com/seaworthyhq/seaworthy/internal/project"
	"github.com/seaworthyhq/seaworthy/internal/release"
)

// request is what has to be built of a Dockerfile; false if nothing has.
func request(in Input, g *graph.Graph, d *project.Dockerfile) (build.Request, bool) {
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
	for _, s := range d.Stages {
		req.Stages = append(req.Stages, stage(g, d, s))
	}
	req.Takes = takes(d)
	for _, t := range g.Targets() {
		if t.Dockerfile == d.Key {
			req.Targets = append(req.Targets, target(in, t))
		}
	}
	return req, len(req.Targets) > 0
}

// stage says where a stage is and what holds for it, and if it is built what images it names, also those by the name of a context.
func stage(g *graph.Graph, d *project.Dockerfile, s project.Stage) build.Stage {
	n := g.Node(s.Key)
	out := build.Stage{
		Key: s.Key, Name: s.Name, Index: s.Index, Line: s.Line, EndLine: s.End, Built: n.Built,
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

func target(in Input, t graph.Target) build.Target {
	out := build.Target{Key: t.Key, Stage: t.Target, Image: t.Image, Reports: t.Reports, ReportsDir: t.ReportsDir}
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
