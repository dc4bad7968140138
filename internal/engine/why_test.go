package engine

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/seaworthyhq/seaworthy/internal/event"
	"github.com/seaworthyhq/seaworthy/internal/pipeline"
	"github.com/seaworthyhq/seaworthy/internal/project"
	"github.com/seaworthyhq/seaworthy/internal/release"
)

// shop is built from three stages, as `FROM golang AS builder`, `FROM builder AS assets`, `FROM scratch` would be.
var shop = project.Project{
	Name: "shop",
	Environment: project.Environment{Services: []project.Service{{
		Service: release.Service{Name: "web"}, Build: &project.BuildRef{Stage: "stage:final"},
	}}},
	Dockerfiles: []*project.Dockerfile{{Stages: []project.Stage{
		{Key: "stage:builder", Name: "builder", Line: 1, From: project.Edge{Kind: project.EdgeFrom, Image: "golang:1.26", Line: 1}},
		{Key: "stage:assets", Name: "assets", Line: 5, From: project.Edge{Kind: project.EdgeFrom, Stage: "stage:builder", Line: 5}},
		{Key: "stage:final", Name: "final", Line: 9, From: project.Edge{Kind: project.EdgeFrom, Line: 9}, Copies: []project.Edge{
			{Kind: project.EdgeCopy, Stage: "stage:builder", Line: 10}, {Kind: project.EdgeCopy, Stage: "stage:assets", Line: 11},
		}},
		{Key: "stage:test", Name: "test", Line: 14, From: project.Edge{Kind: project.EdgeFrom, Stage: "stage:builder", Line: 14}},
	}}},
}

func TestReasonsOfAnImage(t *testing.T) {
	ran := func(step string, line int, text string) event.Instruction {
		return event.Instruction{Steps: []string{"stage:" + step}, Line: line, Text: text, State: event.Done}
	}
	type making struct {
		image string
		ran   []event.Instruction
	}
	everything := making{"one", []event.Instruction{ran("builder", 2, "COPY . ."), ran("builder", 3, "RUN go build"), ran("final", 10, "COPY --from=builder /app /app")}}
	for name, row := range map[string]struct {
		makings []making
		was, is string
		want    []string
	}{
		"the first that ran in its stage, and not what followed from it": {
			[]making{everything, {"two", []event.Instruction{ran("builder", 3, "RUN go build"), ran("builder", 2, "COPY . ."), ran("final", 10, "COPY --from=builder /app /app")}}},
			"one", "two",
			[]string{"builder: COPY . . (Dockerfile:2)"},
		},
		"also when everything came from cache since": {
			[]making{everything, {"two", []event.Instruction{ran("builder", 2, "COPY . .")}}, {"two", nil}},
			"one", "two",
			[]string{"builder: COPY . . (Dockerfile:2)"},
		},
		"from several makings, if nothing of them serves": {
			[]making{everything, {"two", []event.Instruction{ran("builder", 2, "COPY . .")}}, {"three", []event.Instruction{ran("final", 12, "COPY page /page")}}},
			"one", "three",
			[]string{"builder: COPY . . (Dockerfile:2)", "final: COPY page /page (Dockerfile:12)"},
		},
		"a stage that the image has nothing of is none": {
			[]making{everything, {"two", []event.Instruction{ran("test", 15, "RUN go test"), ran("final", 12, "COPY page /page")}}},
			"one", "two",
			[]string{"final: COPY page /page (Dockerfile:12)"},
		},
		"a stage from one that ran ran because of it": {
			[]making{everything, {"two", []event.Instruction{ran("builder", 2, "COPY . ."), ran("assets", 6, "RUN pack")}}},
			"one", "two",
			[]string{"builder: COPY . . (Dockerfile:2)"},
		},
		"the way back": {[]making{everything, {"two", nil}, {"one", nil}}, "two", "one", []string{"as it was made before"}},
		"of an engine before this one, the images say": {
			[]making{{"two", nil}}, "one", "two", []string{"from the layer on of: COPY two /"},
		},
		"a long instruction is cut": {
			[]making{everything, {"two", []event.Instruction{ran("final", 12, "RUN one && \\\n two")}}},
			"one", "two",
			[]string{"final: RUN one && … (Dockerfile:12)"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			var m makings
			for _, one := range row.makings {
				sink, made := m.note("shop", event.Discard)
				for _, in := range one.ran {
					sink.Emit(event.Event{Instruction: &in})
				}
				made(&pipeline.Output{Release: release.Release{Environments: map[string]release.Config{"local": {Services: []release.Service{built(one.image)}}}}})
			}
			got := imageReasons{makings: &m, project: &shop, read: layers}.of(built(row.was), built(row.is))
			if diff := cmp.Diff(row.want, got); diff != "" {
				t.Errorf("-want +got\n%s", diff)
			}
		})
	}
}

func TestAnotherBaseIsAReason(t *testing.T) {
	r := imageReasons{
		makings: &makings{}, project: &shop, read: func(release.Digest) (ocispec.Image, error) { return ocispec.Image{}, errors.New("gone") },
		before: []release.Base{{Ref: "golang:1.26", Digest: "a"}, {Ref: "nginx:1", Digest: "a"}},
		now:    []release.Base{{Ref: "golang:1.26", Digest: "b"}, {Ref: "nginx:1", Digest: "b"}}, // of another Dockerfile
	}
	if diff := cmp.Diff([]string{"base golang:1.26 a → b"}, r.of(built("one"), built("two"))); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
}

func TestReasonsOfAPulledImage(t *testing.T) {
	pulled := func(ref string) release.Service {
		return release.Service{Name: "db", Image: release.Image{Ref: ref, Digest: "x"}}
	}
	for _, row := range []struct {
		was, is release.Service
		want    string
	}{
		{pulled("postgres:17"), pulled("postgres:18"), "postgres:17 → postgres:18"},
		{pulled("postgres:17"), pulled("postgres:17"), "postgres:17 stands for another image now"},
		{built("one"), pulled("postgres:17"), "it is no longer built, but postgres:17"},
	} {
		if diff := cmp.Diff([]string{row.want}, imageReasons{}.of(row.was, row.is)); diff != "" {
			t.Errorf("-want +got\n%s", diff)
		}
	}
}

func built(image string) release.Service {
	return release.Service{Name: "web", Image: release.Image{Digest: release.Digest(image), Stage: "final"}}
}

// layers is an image with a layer that all have, and one of its own.
func layers(image release.Digest) (ocispec.Image, error) {
	return ocispec.Image{
		RootFS: ocispec.RootFS{DiffIDs: []digest.Digest{"base", digest.Digest(image)}},
		History: []ocispec.History{
			{CreatedBy: "COPY base /"}, {CreatedBy: "ENV A=b", EmptyLayer: true}, {CreatedBy: "COPY " + string(image) + " / # buildkit"},
		},
	}, nil
}
